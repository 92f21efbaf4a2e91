namespace Guestos;

/// <summary>
/// open(2) flags without their O_ (include/uapi/asm-generic/fcntl.h; x86-64 uses the generic numbers).
/// </summary>
public static class OpenFlags
{
    public const uint RDONLY = 0;
    public const uint WRONLY = 1;
    public const uint RDWR = 2;
    public const uint ACCMODE = 3;
    public const uint CREAT = 0x40;
    public const uint EXCL = 0x80;
    public const uint NOCTTY = 0x100;
    public const uint TRUNC = 0x200;
    public const uint APPEND = 0x400;
    public const uint NONBLOCK = 0x800;
    public const uint DSYNC = 0x1000;
    public const uint ASYNC = 0x2000;
    public const uint DIRECT = 0x4000;
    public const uint LARGEFILE = 0x8000;
    public const uint DIRECTORY = 0x10000;
    public const uint NOFOLLOW = 0x20000;
    public const uint NOATIME = 0x40000;
    public const uint CLOEXEC = 0x80000;
    public const uint PATH = 0x200000;
    public const uint TMPFILE = 0x400000 | DIRECTORY;

    /// <summary>What open(2) alone looks at: the open file does not keep it.</summary>
    public const uint OfOpenOnly = CLOEXEC | CREAT | EXCL | TRUNC | NOCTTY;

    /// <summary>What counts beside O_PATH.</summary>
    public const uint OfPath = PATH | DIRECTORY | NOFOLLOW | CLOEXEC;

    /// <summary>What F_SETFL may change (fcntl(2)).</summary>
    public const uint Settable = APPEND | NONBLOCK | DIRECT | NOATIME;
}
