using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct statfs (include/uapi/asm-generic/statfs.h): 120 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct FileSystemStatus
{
    public ulong Type;
    public ulong BlockSize;
    public ulong Blocks;
    public ulong FreeBlocks;
    public ulong AvailableBlocks;
    public ulong Inodes;
    public ulong FreeInodes;
    private ulong id;
    public ulong MaxNameLength;
    public ulong FragmentSize;
    public ulong Flags;
    private fixed ulong unused[4];

    /// <summary>Null: of pipes, sockets and the like.</summary>
    public FileSystemStatus(Inode* inode)
    {
        this = default;
        BlockSize = 4096;
        FragmentSize = 4096;
        MaxNameLength = Directories.MaxNameLength;
        Type = inode != null ? inode->Operations->Magic : MemoryFileSystem.Nameless->Magic;
        if (inode == null || !inode->IsInMemory)
            return;
        ref Volume volume = ref Volumes.Of(inode->Volume);
        Blocks = volume.MostPages != 0 ? volume.MostPages : Frames.Total;
        AvailableBlocks = volume.Room;
        FreeBlocks = AvailableBlocks;
        ulong left = (ulong)(Vfs.InodeCapacity - Vfs.InodesInUse);
        Inodes = volume.MostInodes != 0 ? volume.MostInodes : Vfs.InodeCapacity;
        FreeInodes = volume.MostInodes != 0 ? Math.Min(volume.MostInodes - volume.Inodes, left) : left;
        Flags = Mounts.IsReadOnly(inode->Volume) ? 1UL : 0;
    }
}
