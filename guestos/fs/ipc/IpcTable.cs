using System;

namespace Guestos;

/// <summary>
/// The objects of one kind by id and by key. Two levels of page frames, which come when they are needed; all zeros is
/// an empty table. Lives in a static; nothing here sleeps.
/// </summary>
public unsafe struct IpcTable
{
    /// <summary>IPCMNI of Linux: the lower bits of an id are an index.</summary>
    public const int MaxObjects = 1 << IndexBits;

    private const int IndexBits = 15;
    private const int SlotsOfFrame = 512;

    private IpcObject*** directory;
    private IpcObject** keys;

    /// <summary>No free index is lower.</summary>
    private int lowestFree;
    private int lastIndex;
    private int sequence;

    public int Count { get; private set; }

    /// <summary>No object has a higher index; −1 while there are none.</summary>
    public readonly int HighestIndex
    {
        get
        {
            int index = MaxObjects - 1;
            while (index >= 0 && At(index) == null)
                index -= directory == null || directory[index / SlotsOfFrame] == null ? SlotsOfFrame : 1;
            return Math.Max(index, -1);
        }
    }

    /// <summary>By index; null for none.</summary>
    public readonly IpcObject* At(int index)
    {
        if ((uint)index >= MaxObjects || directory == null || directory[index / SlotsOfFrame] == null)
            return null;
        return directory[index / SlotsOfFrame][index % SlotsOfFrame];
    }

    /// <summary>The same by the lower bits of an id, as SHM_STAT and its like take either.</summary>
    public readonly IpcObject* AtIndexOf(int id) => id >= 0 ? At(id & (MaxObjects - 1)) : null;

    /// <summary>Null for none, EINVAL.</summary>
    public readonly IpcObject* Find(int id)
    {
        IpcObject* found = AtIndexOf(id);
        return found != null && found->Id == id ? found : null;
    }

    public readonly IpcObject* FindKey(int key)
    {
        IpcObject* found = keys != null ? keys[BucketOf(key)] : null;
        while (found != null && found->Key != key)
            found = found->NextOfKey;
        return found;
    }

    /// <summary>Gives it an id, the current process as owner, and the key: 0, ENOSPC, ENOMEM.</summary>
    public long Add(IpcObject* added, int key, uint mode)
    {
        if (Count == MaxObjects)
            return Errno.ENOSPC;
        int index = lowestFree;
        while (At(index) != null)
            index++;
        if (!MakeRoom(index))
            return Errno.ENOMEM;
        if (index <= lastIndex && Count + sequence > 0)
            sequence = sequence + 1 & 0xffff;
        lastIndex = index;
        lowestFree = index + 1;
        Count++;
        directory[index / SlotsOfFrame][index % SlotsOfFrame] = added;
        added->Id = sequence << IndexBits | index;
        added->Key = key;
        added->Mode = mode & IpcObject.Permissions;
        added->UserId = FileRights.CurrentUser;
        added->GroupId = FileRights.CurrentGroup;
        added->CreatorUserId = added->UserId;
        added->CreatorGroupId = added->GroupId;
        added->ChangeTime = IpcObject.Now;
        if (key == 0)
            return 0;
        added->NextOfKey = keys[BucketOf(key)];
        keys[BucketOf(key)] = added;
        return 0;
    }

    private bool MakeRoom(int index)
    {
        if (directory == null)
            directory = (IpcObject***)Objects.Allocate((int)Frames.Size);
        if (keys == null)
            keys = (IpcObject**)Objects.Allocate((int)Frames.Size);
        if (directory == null || keys == null)
            return false;
        if (directory[index / SlotsOfFrame] == null)
            directory[index / SlotsOfFrame] = (IpcObject**)Objects.Allocate((int)Frames.Size);
        return directory[index / SlotsOfFrame] != null;
    }

    /// <summary>Nobody finds it by key any more.</summary>
    public readonly void ForgetKey(IpcObject* gone)
    {
        if (gone->Key == 0)
            return;
        IpcObject** link = &keys[BucketOf(gone->Key)];
        while (*link != gone)
            link = &(*link)->NextOfKey;
        *link = gone->NextOfKey;
        gone->Key = 0;
    }

    /// <summary>Nobody finds it any more.</summary>
    public void Remove(IpcObject* gone)
    {
        ForgetKey(gone);
        int index = gone->Id & (MaxObjects - 1);
        directory[index / SlotsOfFrame][index % SlotsOfFrame] = null;
        lowestFree = Math.Min(lowestFree, index);
        gone->IsRemoved = true;
        Count--;
        if (Count == 0)
            FreeRoom();
    }

    private void FreeRoom()
    {
        for (int i = 0; i < MaxObjects / SlotsOfFrame; i++)
            if (directory[i] != null)
                Objects.Free(directory[i], (int)Frames.Size);
        Objects.Free(directory, (int)Frames.Size);
        Objects.Free(keys, (int)Frames.Size);
        directory = null;
        keys = null;
    }

    private static int BucketOf(int key) => (int)((uint)key * 2654435769u >> 23);

    // Flags of msgget(2), semget(2), shmget(2).
    public const uint Create = 0x200;
    public const uint Exclusive = 0x400;

    /// <summary>
    /// The existing object that a …get call asks for by key. 0 with null: one is to be made. ENOENT, EEXIST, EACCES.
    /// </summary>
    public readonly long Get(int key, uint flags, out IpcObject* found)
    {
        found = key != 0 ? FindKey(key) : null;
        if (found == null)
            return key == 0 || (flags & Create) != 0 ? 0 : Errno.ENOENT;
        if ((flags & (Create | Exclusive)) == (Create | Exclusive))
            return Errno.EEXIST;
        return found->Check(flags & IpcObject.Permissions);
    }
}
