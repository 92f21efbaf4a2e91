namespace Guestos;

/// <summary>open(2) flags (include/uapi/asm-generic/fcntl.h; x86-64 uses the generic numbers).</summary>
public static class OpenFlags
{
    public const uint ReadOnly = 0;
    public const uint WriteOnly = 1;
    public const uint ReadWrite = 2;
    public const uint AccessMode = 3;
    public const uint Create = 0x40;
    public const uint Exclusive = 0x80;
    public const uint NoControllingTerminal = 0x100;
    public const uint Truncate = 0x200;
    public const uint Append = 0x400;
    public const uint NonBlocking = 0x800;
    public const uint DataSync = 0x1000;
    public const uint Direct = 0x4000;
    public const uint LargeFile = 0x8000;
    public const uint Directory = 0x10000;
    public const uint NoFollow = 0x20000;
    public const uint NoAccessTime = 0x40000;
    public const uint CloseOnExec = 0x80000;
    public const uint Path = 0x200000;
    public const uint TemporaryFile = 0x400000 | Directory;

    /// <summary>What open(2) alone looks at: the open file does not keep it.</summary>
    public const uint OfOpenOnly = CloseOnExec | Create | Exclusive | Truncate | NoControllingTerminal;

    /// <summary>What F_SETFL may change (fcntl(2)).</summary>
    public const uint Settable = Append | NonBlocking | Direct | NoAccessTime;
}
