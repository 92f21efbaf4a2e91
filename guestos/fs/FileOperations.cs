using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>Answers that a kind of file gives without being asked about one file.</summary>
[Flags]
public enum FileTraits : byte
{
    None = 0,

    /// <summary>Bytes come when they come: who has some does not wait for more (readv, splice).</summary>
    Stream = 1,

    /// <summary>epoll takes it, although its readiness never changes.</summary>
    Watchable = 2,

    /// <summary>sendfile(2) reads from it.</summary>
    Sendable = 4,

    /// <summary>/proc/PID/fd shows its number behind its name, as in "pipe:[7]".</summary>
    Numbered = 8,

    /// <summary>mmap(2) of it is memory of nobody, as MAP_ANONYMOUS is (/dev/zero).</summary>
    MapsZeros = 16,
}

/// <summary>
/// What a kind of file does. Each kind is one file of code that fills its table at boot; then it does not change. An
/// entry that is null means what is said beside it. Who calls an entry has a reference to the open file, and has looked
/// at its access mode.
/// </summary>
public unsafe struct FileOperations
{
    /// <summary>S_IRUSR | S_IWUSR.</summary>
    public const uint StandardMode = 0x180;

    public FileTraits Traits;

    /// <summary>st_mode of one that has no inode, as Linux shows it; 0: <see cref="StandardMode"/>.</summary>
    public uint Mode;

    /// <summary>What /proc/PID/fd says of one that has no name; null: "anon_inode:[]".</summary>
    public delegate*<ReadOnlySpan<byte>> Name;

    /// <summary>
    /// An inode is opened as this kind: 0, or −errno, and then nothing is left of it to release. May sleep. Null:
    /// nothing to do.
    /// </summary>
    public delegate*<File*, long> Open;

    /// <summary>The last reference is gone. Null: nothing to do.</summary>
    public delegate*<File*, void> Release;

    /// <summary>read(2). May sleep. Null: EINVAL.</summary>
    public delegate*<File*, ref Transfer, long> Read;

    /// <summary>write(2). May sleep. Null: EINVAL.</summary>
    public delegate*<File*, ref Transfer, long> Write;

    /// <summary>pread(2). May sleep. Null: ESPIPE.</summary>
    public delegate*<File*, ulong, ref Transfer, long> ReadAt;

    /// <summary>pwrite(2). May sleep. Null: ESPIPE.</summary>
    public delegate*<File*, ulong, ref Transfer, long> WriteAt;

    /// <summary>lseek(2). Null: ESPIPE.</summary>
    public delegate*<File*, long, uint, long> Seek;

    /// <summary><see cref="PollEvents"/> that hold now. Null: always readable and writable.</summary>
    public delegate*<File*, uint> Poll;

    /// <summary>
    /// The queue that <see cref="Readiness.Changed"/> is called with when what Poll says changes. Null: it never does.
    /// </summary>
    public delegate*<File*, WaitQueue*> QueueOf;

    /// <summary>ioctl(2), but for the requests that every file answers. Null: ENOTTY.</summary>
    public delegate*<File*, uint, ulong, long> Ioctl;

    /// <summary>
    /// sendfile(2) and splice(2) to a socket without copying: source, socket, count. Null: through a page.
    /// </summary>
    public delegate*<File*, File*, ulong, long> SendTo;

    /// <summary>The address by which open files know a table.</summary>
    // SAFETY: tables are statics of the image, which do not move.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FileOperations* At(ref FileOperations table) => (FileOperations*)Unsafe.AsPointer(ref table);
}
