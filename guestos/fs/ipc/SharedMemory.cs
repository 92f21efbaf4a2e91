using System;

namespace Guestos;

/// <summary>A segment of shmget(2): a file whose only link is its id. It goes with its inode.</summary>
public unsafe struct SharedSegment
{
    internal IpcObject Common;

    /// <summary>How many areas map it is how often it is attached (shm_nattch).</summary>
    internal Inode* Inode;
    internal ulong Size;
    internal ulong AttachTime;
    internal ulong DetachTime;
    internal int Creator;
    internal int LastUser;
}

/// <summary>
/// Shared memory of System V (shmop(2)). A segment that is removed while it is attached is found by its id until the
/// last process has let go of it.
/// </summary>
public static unsafe class SharedMemory
{
    // Limits of Linux (include/uapi/linux/shm.h).
    public const int MaxSegments = 4096;
    public const ulong MaxSize = ulong.MaxValue - (1UL << 24);

    /// <summary>Bits of shm_perm.mode beside the permissions.</summary>
    private const uint Removed = 0x200;
    private const uint Locked = 0x400;

    internal static IpcTable Table;

    /// <summary>Pages of all segments (SHM_INFO).</summary>
    public static ulong TotalPages;

    /// <summary>Of those, how many have memory.</summary>
    public static ulong PagesPresent
    {
        get
        {
            ulong pages = 0;
            int left = Table.Count;
            for (int index = 0; left > 0 && index < IpcTable.MaxObjects; index++)
                if (Table.At(index) != null)
                {
                    pages += ((SharedSegment*)Table.At(index))->Inode->PageCount;
                    left--;
                }
            return pages;
        }
    }

    private static InodeOperations s_operations;

    /// <summary>At boot.</summary>
    internal static void Register() =>
        s_operations = new InodeOperations { Traits = InodeTraits.Memory, Gone = &Free };

    public static SharedSegment* Find(int id) => (SharedSegment*)Table.Find(id);

    /// <summary>shmget(2): an id, or -errno.</summary>
    public static long Get(int key, ulong size, uint flags)
    {
        long error = Table.Get(key, flags, out IpcObject* found);
        if (found != null)
        {
            // Which error comes first is Linux's order (ipc/util.c, ipcget_public).
            bool isTooLong = size > ((SharedSegment*)found)->Size;
            if (error != Errno.EEXIST && isTooLong)
                return Errno.EINVAL;
            return error < 0 ? error : found->Id;
        }
        if (error < 0)
            return error;
        if (size is 0 or > MaxSize)
            return Errno.EINVAL;
        if (Table.Count >= MaxSegments)
            return Errno.ENOSPC;
        ulong pages = (size - 1) / Frames.Size + 1;
        if (pages > Frames.Total)
            return Errno.ENOMEM;
        SharedSegment* segment = Objects.Allocate<SharedSegment>();
        uint mode = flags & IpcObject.Permissions;
        Inode* inode = segment != null ? Vfs.NewInode(InodeType.REG, mode, Vfs.RootVolume) : null;
        error = inode != null ? Table.Add(&segment->Common, key, flags) : Errno.ENOMEM;
        if (error < 0)
        {
            Vfs.Release(inode);
            if (segment != null)
                Objects.Free(segment);
            return error;
        }
        inode->Size = pages * Frames.Size;
        inode->Operations = InodeOperations.At(ref s_operations);
        inode->Links = 1;
        Vfs.Release(inode);
        segment->Inode = inode;
        segment->Size = size;
        segment->Creator = Process.Current->Id;
        TotalPages += pages;
        return segment->Common.Id;
    }

    /// <summary>shm_nattch.</summary>
    public static int AttachmentsOf(SharedSegment* segment) => segment->Inode->Object.Mappings;

    /// <summary>IPC_RMID: at once, or when nobody has it attached any more.</summary>
    public static void Remove(SharedSegment* segment)
    {
        if ((segment->Common.Mode & Removed) != 0)
            return;
        segment->Common.Mode |= Removed;
        Table.ForgetKey(&segment->Common);
        Inode* inode = Vfs.Hold(segment->Inode);
        inode->Links = 0;
        Vfs.Release(inode);
    }

    /// <summary>SHM_LOCK and SHM_UNLOCK: nothing is ever swapped out.</summary>
    public static void SetLocked(SharedSegment* segment, bool locked)
    {
        segment->Common.Mode &= ~Locked;
        if (locked)
            segment->Common.Mode |= Locked;
    }

    private static void Free(Inode* inode)
    {
        SharedSegment* segment = Of(&inode->Object);
        TotalPages -= inode->Size / Frames.Size;
        Table.Remove(&segment->Common);
        Objects.Free(segment);
    }

    /// <summary>The segment whose memory a mapping is; null for other files.</summary>
    public static SharedSegment* Of(MemoryObject* file)
    {
        int left = Table.Count;
        for (int index = 0; left > 0 && index < IpcTable.MaxObjects; index++)
        {
            var segment = (SharedSegment*)Table.At(index);
            if (segment == null)
                continue;
            left--;
            if (file == &segment->Inode->Object)
                return segment;
        }
        return null;
    }

    /// <summary>The current process has attached or detached it.</summary>
    public static void Used(SharedSegment* segment, bool attached)
    {
        segment->LastUser = Process.Current->Id;
        if (attached)
            segment->AttachTime = IpcObject.Now;
        else
            segment->DetachTime = IpcObject.Now;
    }
}
