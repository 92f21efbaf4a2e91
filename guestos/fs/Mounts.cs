using System;

namespace Guestos;

/// <summary>What is mounted where. All changes are made without giving way.</summary>
public static unsafe class Mounts
{
    /// <summary>fs.mount-max of Linux (Documentation/admin-guide/sysctl/fs.rst).</summary>
    public const int Capacity = 100000;

    /// <summary>mount(2) flags (include/uapi/linux/mount.h).</summary>
    public const uint ReadOnlyFlag = 1;
    public const uint NoSuid = 2;
    public const uint NoDevices = 4;
    public const uint NoExecute = 8;
    public const uint Remount = 32;
    public const uint Bind = 4096;
    public const uint Move = 8192;
    public const uint Recursive = 16384;
    public const uint Silent = 0x8000;

    /// <summary>MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED.</summary>
    public const uint Propagation = 0xf << 17;

    private static byte s_nextVolume;
    private static int s_count;
    private static ulong s_lastId;
    private static Mount* s_last;

    /// <summary>
    /// The first, of the root file system, which stays. The others follow by <see cref="Mount.Next"/>.
    /// </summary>
    public static Mount* First { get; private set; }

    /// <summary>At boot: the root file system gets its place. False without memory.</summary>
    internal static bool Init(Inode* root)
    {
        s_count = 0;
        s_lastId = 0;
        First = New(root, "initramfs"u8, "ramfs"u8, 0);
        s_last = First;
        return First != null;
    }

    public static Mount* Hold(Mount* mount)
    {
        if (mount != null)
            mount->References++;
        return mount;
    }

    /// <summary>Gives one reference up; the last ends the mount. Null is nothing.</summary>
    public static void Release(Mount* mount)
    {
        if (mount == null)
            return;
        mount->References--;
        if (mount->References > 0)
            return;
        Inode* root = mount->Root;
        ref Volume volume = ref Volumes.Of(root->Volume);
        volume.Mounts--;
        if (volume.Mounts == 0 && volume.Root != null)
        {
            Dissolve(volume.Root);
            Vfs.Release(volume.Root);
            volume.Root = null;
        }

        Vfs.Release(root);
        Objects.Free(mount);
    }

    /// <summary>
    /// The limits of a mounted tmpfs are changed (remount). EINVAL: it holds more already, or has none.
    /// </summary>
    public static long ChangeLimits(Inode* root, in Volumes.Options options)
    {
        if (!options.HasSize && !options.HasInodes)
            return 0;
        if (root->Volume < Vfs.FirstMountVolume)
            return Errno.EINVAL;
        ref Volume volume = ref Volumes.Of(root->Volume);
        if (options.HasSize && options.MaxPages != 0 && volume.Pages > options.MaxPages
            || options.HasInodes && options.MaxInodes != 0 && volume.Inodes > options.MaxInodes)
            return Errno.EINVAL;
        if (options.HasSize)
            volume.MaxPages = options.MaxPages;
        if (options.HasInodes)
            volume.MaxInodes = options.MaxInodes;
        return 0;
    }

    public static bool IsReadOnly(byte volume) => Has(volume, ReadOnlyFlag);

    /// <summary>The file system was mounted with this flag.</summary>
    public static bool Has(byte volume, uint flag)
    {
        for (Mount* mount = First; mount != null; mount = mount->Next)
            if (!mount->IsBind && mount->Root->Volume == volume)
                return (mount->Flags & flag) != 0;
        return false;
    }

    /// <summary>The uppermost mount over a place that has it for its parent; null: there is none.</summary>
    public static Mount* On(in Place place)
    {
        for (Mount* mount = place.Inode->Mounted; mount != null; mount = mount->NextHere)
            if (mount->Parent == place.Mount)
                return mount;
        return null;
    }

    /// <summary>Mounts a root over a place. ENOSPC: there are too many; ENOMEM.</summary>
    public static long Add(in Place point, Inode* root, ReadOnlySpan<byte> source, ReadOnlySpan<byte> type, uint flags)
    {
        if (s_count >= Capacity)
            return Errno.ENOSPC;
        Mount* mount = New(root, source, type, flags);
        if (mount == null)
            return Errno.ENOMEM;
        Attach(mount, point);
        return 0;
    }

    /// <summary>
    /// What lies at <paramref name="source"/> is seen at <paramref name="point"/>, too; with <paramref name="isWhole"/>
    /// also what is mounted below it. ENOSPC, ENOMEM.
    /// </summary>
    public static long AddBind(in Place source, in Place point, bool isWhole)
    {
        Mount* end = s_last;
        Mount* copy = CopyOf(source.Mount, source.Inode);
        if (copy == null)
            return Errno.ENOMEM;
        Attach(copy, point);
        if (!isWhole)
            return 0;
        source.Mount->Copy = copy;
        // Parents stand before their children, unless they were moved: those are found in the next turn.
        bool isLast = end == source.Mount;
        for (Mount* mount = First; !isLast; mount = mount->Next)
        {
            isLast = mount == end;
            Mount* parent = mount->Parent;
            if (parent == null || parent->Copy == null || mount == copy
                || parent == source.Mount && !IsBelow(mount->Point, source.Inode))
                continue;
            Mount* child = CopyOf(mount, mount->Root);
            if (child == null)
            {
                Forget();
                Remove(copy);
                return Errno.ENOMEM;
            }

            mount->Copy = child;
            Attach(child, new Place(mount->Point, parent->Copy));
        }

        Forget();
        return 0;
    }

    /// <summary>
    /// A mount gets another place (MS_MOVE). EINVAL: it is the first, or the place is no mount's root; ELOOP: the new
    /// place lies in it.
    /// </summary>
    public static long MoveTo(in Place source, in Place point)
    {
        if (!source.IsMountRoot || source.Mount->Parent == null)
            return Errno.EINVAL;
        for (Mount* above = point.Mount; above != null; above = above->Parent)
            if (above == source.Mount)
                return Errno.ELOOP;
        Mount* mount = Hold(source.Mount);
        Detach(mount);
        Attach(mount, point);
        return 0;
    }

    /// <summary>
    /// umount2(2): the mount whose root this is loses its place. EINVAL: it is none, or the first. EBUSY while somebody
    /// is in it and <paramref name="isLazy"/> is false; otherwise it ends with the last of them.
    /// </summary>
    /// <param name="place">Of which the caller holds nothing.</param>
    public static long Unmount(in Place place, bool isLazy)
    {
        if (!place.IsMountRoot || place.Mount->Parent == null)
            return Errno.EINVAL;
        if (!isLazy && place.Mount->References > 1)
            return Errno.EBUSY;
        Remove(place.Mount);
        return 0;
    }

    /// <summary>
    /// umount2(MNT_EXPIRE): the mount is marked (EAGAIN), or loses its place if it is marked. EINVAL and EBUSY as for
    /// <see cref="Unmount"/>.
    /// </summary>
    public static long Expire(in Place place)
    {
        if (!place.IsMountRoot || place.Mount->Parent == null)
            return Errno.EINVAL;
        if (place.Mount->References > 1)
            return Errno.EBUSY;
        if (place.Mount->IsExpiring)
        {
            Remove(place.Mount);
            return 0;
        }

        place.Mount->IsExpiring = true;
        return Errno.EAGAIN;
    }

    /// <summary>Of a remount. With MS_BIND of this mount alone, otherwise of the file system's own, too.</summary>
    public static void ChangeFlags(Mount* mount, uint flags)
    {
        const uint changed = ReadOnlyFlag | NoSuid | NoDevices | NoExecute;
        mount->Flags = flags & changed;
        if ((flags & Bind) != 0 || !mount->IsBind)
            return;
        for (Mount* other = First; other != null; other = other->Next)
            if (!other->IsBind && other->Root->Volume == mount->Root->Volume)
                other->Flags = other->Flags & ~ReadOnlyFlag | flags & ReadOnlyFlag;
    }

    /// <summary>A volume number for a new file system in memory, that no inode has any more; 0: all have.</summary>
    public static byte NextVolume()
    {
        for (int i = Vfs.FirstMountVolume; i <= byte.MaxValue; i++)
        {
            if (s_nextVolume < Vfs.FirstMountVolume)
                s_nextVolume = Vfs.FirstMountVolume;
            byte volume = s_nextVolume;
            s_nextVolume++;
            if (Volumes.Of(volume).Inodes > 0)
                continue;
            Volumes.Of(volume) = default;
            return volume;
        }

        return 0;
    }

    /// <summary>
    /// By which mount an inode is seen that was not reached by a path just now: the one of its whole file system, or
    /// else one that shows a part in which it lies. Without a reference; default: by none.
    /// </summary>
    public static Place PlaceOf(Inode* inode)
    {
        Mount* found = null;
        for (Inode* at = inode; at != null; at = Above(at))
            for (Mount* mount = First; mount != null; mount = mount->Next)
                if (mount->Root == at)
                {
                    found = mount;
                    break;
                }
        return found != null ? new Place(inode, found) : default;
    }

    /// <summary>The directory that it is in, in its file system.</summary>
    private static Inode* Above(Inode* inode)
    {
        if (inode->Operations->Root == null)
            return inode->Home != null ? inode->Home->Directory : null;
        Inode* root = inode->Operations->Root();
        return inode != root ? root : null;
    }

    /// <summary>It is this directory, or lies in it, as far as its own file system goes.</summary>
    public static bool IsBelow(Inode* inode, Inode* top)
    {
        for (Inode* at = inode; at != null; at = Above(at))
            if (at == top)
                return true;
        return false;
    }

    private static Mount* CopyOf(Mount* mount, Inode* root)
    {
        if (s_count >= Capacity)
            return null;
        Mount* copy = New(root, default, default, mount->Flags);
        if (copy == null)
            return null;
        copy->IsBind = true;
        for (int i = 0; i < Mount.TextCapacity; i++)
        {
            copy->Source[i] = mount->Source[i];
            copy->Type[i] = mount->Type[i];
        }

        return copy;
    }

    /// <summary>With the reference for the place that it is to have.</summary>
    private static Mount* New(Inode* root, ReadOnlySpan<byte> source, ReadOnlySpan<byte> type, uint flags)
    {
        Mount* mount = Objects.Allocate<Mount>();
        if (mount == null)
            return null;
        s_lastId++;
        mount->Id = s_lastId;
        mount->References = 1;
        mount->Root = Vfs.Hold(root);
        mount->Flags = flags & (ReadOnlyFlag | NoSuid | NoDevices | NoExecute);
        Set(mount->Source, source);
        Set(mount->Type, type);
        Volumes.Of(root->Volume).Mounts++;
        return mount;
    }

    private static void Attach(Mount* mount, in Place point)
    {
        s_count++;
        mount->Point = Vfs.Hold(point.Inode);
        mount->Parent = Hold(point.Mount);
        mount->NextHere = point.Inode->Mounted;
        point.Inode->Mounted = mount;
        mount->Next = null;
        s_last->Next = mount;
        s_last = mount;
    }

    /// <summary>Takes its place away, and the reference for it.</summary>
    private static void Detach(Mount* mount)
    {
        Mount** link = &mount->Point->Mounted;
        while (*link != mount)
            link = &(*link)->NextHere;
        *link = mount->NextHere;
        Mount* before = First;
        while (before->Next != mount)
            before = before->Next;
        before->Next = mount->Next;
        if (s_last == mount)
            s_last = before;
        s_count--;
        Inode* point = mount->Point;
        Mount* parent = mount->Parent;
        mount->Point = null;
        mount->Parent = null;
        mount->Next = null;
        mount->NextHere = null;
        mount->IsExpiring = false;
        Vfs.Release(point);
        Release(parent);
        Release(mount);
    }

    /// <summary>Takes a mount and all below it away, those below first.</summary>
    private static void Remove(Mount* top)
    {
        Hold(top);
        while (true)
        {
            Mount* deepest = top;
            for (Mount* mount = First; mount != null; mount = mount->Next)
                if (mount->Parent == deepest)
                {
                    deepest = mount;
                    mount = First;
                }
            Detach(deepest);
            if (deepest == top)
                break;
        }

        Release(top);
    }

    private static void Forget()
    {
        for (Mount* mount = First; mount != null; mount = mount->Next)
            mount->Copy = null;
    }

    /// <summary>
    /// The tree of an unmounted file system goes: all names, deepest first; what is open lives on until it is closed.
    /// </summary>
    internal static void Dissolve(Inode* root)
    {
        Inode* directory = root;
        while (true)
        {
            DirectoryEntry* entry = directory->FirstEntry;
            if (entry == null)
            {
                if (directory == root)
                    break;
                DirectoryEntry* own = directory->Home;
                directory = own->Directory;
                Directories.Remove(own);
            }
            else if (entry->Inode->Type == InodeType.DIR)
            {
                directory = entry->Inode;
            }
            else
            {
                Directories.Remove(entry);
            }
        }

        root->Links = 0;
    }

    private static void Set(byte* to, ReadOnlySpan<byte> text)
    {
        int length = Math.Min(text.Length, Mount.TextCapacity - 1);
        text.Slice(0, length).CopyTo(new Span<byte>(to, length));
        to[length] = 0;
    }
}
