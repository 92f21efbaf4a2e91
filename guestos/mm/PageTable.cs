namespace Guestos;

/// <summary>
/// Page tables. Every change of what an entry says goes through here: <see cref="Checkpoint.BeforePageTableWrite"/> before it,
/// <see cref="Checkpoint.Guard"/> on the new entry. Reading an entry, <see cref="WriteProtection.Mark"/> means writable.
/// </summary>
public static unsafe class PageTable
{
    /// <summary>Root that maps the kernel alone.</summary>
    public static ulong KernelRoot;

    /// <summary>Forgets all cached translations.</summary>
    public static void Flush() { }
}
