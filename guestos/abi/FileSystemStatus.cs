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

    /// <summary>SOCKFS_MAGIC.</summary>
    private const ulong SocketMagic = 0x534f434b;

    /// <summary>S_IFMT.</summary>
    private const uint TypeMask = 0xf000;

    /// <summary>Of an open file that need not have an inode.</summary>
    public FileSystemStatus(File* file)
        : this(file->Place)
    {
        if (file->Inode == null && (file->Operations->Mode & TypeMask) == (uint)InodeType.SOCK)
            Type = SocketMagic;
    }

    /// <summary>No inode: of pipes and the like.</summary>
    public FileSystemStatus(in Place place)
    {
        Inode* inode = place.Inode;
        this = default;
        BlockSize = 4096;
        FragmentSize = 4096;
        MaxNameLength = Directories.MaxNameLength;
        Type = inode != null ? inode->Operations->Magic : MemoryFileSystem.Nameless->Magic;
        if (inode == null || !inode->IsInMemory)
            return;
        ref Volume volume = ref Volumes.Of(inode->Volume);
        Blocks = volume.MaxPages != 0 ? volume.MaxPages : Frames.Total;
        AvailableBlocks = volume.Room;
        FreeBlocks = AvailableBlocks;
        ulong left = (ulong)(Vfs.InodeCapacity - Vfs.InodesInUse);
        Inodes = volume.MaxInodes != 0 ? volume.MaxInodes : (ulong)Vfs.InodeCapacity;
        FreeInodes = volume.MaxInodes != 0 ? Math.Min(volume.MaxInodes - volume.Inodes, left) : left;
        Flags = place.IsReadOnly ? 1UL : 0;
    }
}
