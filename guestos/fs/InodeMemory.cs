namespace Guestos;

/// <summary>Inodes as mm sees them.</summary>
internal static unsafe class InodeMemory
{
    /// <summary>At boot, before the first address space.</summary>
    public static void Register()
    {
        MemoryObject.Operations.Hold = &Hold;
        MemoryObject.Operations.Release = &Release;
        MemoryObject.Operations.PageFrame = &PageFrame;
        MemoryObject.Operations.Read = &Read;
    }

    // SAFETY (all): every memory object is the first field of an inode.

    private static void Hold(MemoryObject* file) => Vfs.Hold((Inode*)file);

    private static void Release(MemoryObject* file) => Vfs.Release((Inode*)file);

    private static ulong PageFrame(MemoryObject* file, ulong page, bool make) =>
        FileContent.PageFrame((Inode*)file, page, make);

    private static long Read(MemoryObject* file, ulong offset, byte* to, ulong count) =>
        Vfs.ReadInode((Inode*)file, offset, to, count);
}
