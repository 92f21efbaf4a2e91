namespace Guestos;

/// <summary>
/// File systems in memory (the root, tmpfs, devtmpfs, sysfs), and that of what has no name. What they do is what a null
/// entry of <see cref="InodeOperations"/> means.
/// </summary>
internal static unsafe class MemoryFileSystem
{
    /// <summary>TMPFS_MAGIC and PIPEFS_MAGIC.</summary>
    private const ulong MemoryMagic = 0x01021994;
    private const ulong PipeMagic = 0x50495045;

    private static InodeOperations s_operations;
    private static InodeOperations s_nameless;

    public static InodeOperations* Operations => InodeOperations.At(ref s_operations);

    public static InodeOperations* Nameless => InodeOperations.At(ref s_nameless);

    internal static void Init()
    {
        s_operations = new InodeOperations
        {
            Traits = InodeTraits.Memory,
            Magic = MemoryMagic,
            RegularFile = RegularFile.Operations,
        };
        s_nameless = new InodeOperations { Traits = InodeTraits.Nameless, Magic = PipeMagic };
    }
}
