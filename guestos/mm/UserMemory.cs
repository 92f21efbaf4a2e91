namespace Guestos;

/// <summary>
/// Access to the memory of the current process. After <see cref="Readable"/> or <see cref="Writable"/> said true, the kernel
/// may touch those bytes through the user address until it sleeps.
/// </summary>
public static unsafe partial class UserMemory
{
    /// <summary>User addresses end here (design: [0, 2^45)).</summary>
    public const ulong End = 1UL << 45;

    /// <summary>Resolves faults (demand zero, file contents). False when a byte of it may not be read: -EFAULT. Length 0 is true.</summary>
    public static bool Readable(ulong address, ulong length) => address < End && length <= End - address;

    /// <summary>Resolves faults (demand zero, copy on write). False when a byte of it may not be written: -EFAULT. Length 0 is true.</summary>
    public static bool Writable(ulong address, ulong length) => address < End && length <= End - address;

    /// <summary>Copies a C string with its zero. Returns its length without the zero, -EFAULT, or -ENAMETOOLONG when it does not fit.</summary>
    public static long CopyString(ulong address, byte* to, int capacity) => Errno.Fault;
}
