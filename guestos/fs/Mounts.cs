using System;

namespace Guestos;

/// <summary>
/// What is mounted where. A mounted root covers a directory: <see cref="Inode.Mounted"/> and
/// <see cref="Inode.Covers"/>.
/// </summary>
public static unsafe class Mounts
{
    public const int Capacity = 16;
    public const int TextCapacity = 64;

    /// <summary>mount(2) flags (include/uapi/linux/mount.h).</summary>
    public const uint ReadOnlyFlag = 1;
    public const uint NoSuid = 2;
    public const uint NoDevices = 4;
    public const uint NoExecute = 8;
    public const uint Remount = 32;
    public const uint Bind = 4096;
    public const uint Move = 8192;

    public struct Mount
    {
        /// <summary>The directory under the mount; null: a free place.</summary>
        public Inode* Point;
        public Inode* Root;
        public uint Flags;
        public fixed byte Source[TextCapacity];
        public fixed byte Type[TextCapacity];
        public fixed byte Target[TextCapacity];
    }

    private static Mount* s_table;
    private static byte s_nextVolume;
    private static bool s_rootReadOnly;

    /// <summary>
    /// A bit for each place in the table: umount2(MNT_EXPIRE) has marked that mount, and no path has led into it since.
    /// </summary>
    public static uint Expiring { get; private set; }

    /// <summary>Mount by index, null for a free place.</summary>
    public static Mount* At(int index) => s_table != null && s_table[index].Point != null ? &s_table[index] : null;

    /// <summary>
    /// The limits of a mounted tmpfs are changed (remount). EINVAL: it holds more already, or has none.
    /// </summary>
    public static long ChangeLimits(Inode* root, in Volumes.Options options)
    {
        if (!options.HasSize && !options.HasInodes)
            return 0;
        if (root->Covers == null || root->Volume < Vfs.FirstMountVolume)
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

    public static bool IsReadOnly(byte volume) => volume == Vfs.RootVolume ? s_rootReadOnly : Has(volume, ReadOnlyFlag);

    /// <summary>The file system is mounted with this flag.</summary>
    public static bool Has(byte volume, uint flag)
    {
        for (int i = 0; i < Capacity; i++)
            if (At(i) != null && s_table[i].Root->Volume == volume)
                return (s_table[i].Flags & flag) != 0;
        return false;
    }

    /// <summary>
    /// Mounts a root over a directory. EBUSY (covered already, or that root is in use elsewhere), ENOMEM (no place
    /// left).
    /// </summary>
    public static long Add(Inode* point, Inode* root, ReadOnlySpan<byte> source, ReadOnlySpan<byte> type,
        ReadOnlySpan<byte> target, uint flags)
    {
        if (s_table == null)
            s_table = (Mount*)Objects.Allocate(4096);
        if (s_table == null)
            return Errno.ENOMEM;
        if (point->Mounted != null || root->Covers != null || point == Vfs.Root)
            return Errno.EBUSY;
        int place = 0;
        while (place < Capacity && s_table[place].Point != null)
            place++;
        if (place == Capacity)
            return Errno.ENOMEM;
        Mount* mount = &s_table[place];
        mount->Point = Vfs.Hold(point);
        mount->Root = Vfs.Hold(root);
        mount->Flags = flags;
        Set(mount->Source, source);
        Set(mount->Type, type);
        Set(mount->Target, target);
        point->Mounted = root;
        root->Covers = point;
        return 0;
    }

    /// <summary>
    /// Takes the mount away whose root this is. EINVAL when it is none, EBUSY while it is in use and <paramref
    /// name="lazy"/> is false.
    /// </summary>
    public static long Remove(Inode* root, bool lazy)
    {
        int place = PlaceOf(root);
        if (place < 0)
            return Errno.EINVAL;
        if (!lazy && InUse(root->Volume))
            return Errno.EBUSY;
        Mount* mount = At(place);
        Expiring &= ~(1u << place);
        mount->Point->Mounted = null;
        root->Covers = null;
        Vfs.Release(mount->Point);
        mount->Point = null;
        if (!IsPermanent(root))
            Dissolve(root);
        Vfs.Release(root);
        return 0;
    }

    /// <summary>
    /// umount2(MNT_EXPIRE): the mount is marked (EAGAIN), or taken away if <paramref name="expiring"/>, which is
    /// <see cref="Expiring"/> before the caller's own walk, has its mark. EINVAL and EBUSY as for
    /// <see cref="Remove"/>.
    /// </summary>
    public static long Expire(Inode* root, uint expiring)
    {
        int place = PlaceOf(root);
        if (place < 0)
            return Errno.EINVAL;
        if ((expiring & 1u << place) != 0)
            return Remove(root, false);
        if (InUse(root->Volume))
            return Errno.EBUSY;
        Expiring |= 1u << place;
        return Errno.EAGAIN;
    }

    /// <summary>A path has led into the mount whose root this is: it is not to expire yet.</summary>
    internal static void Used(Inode* root)
    {
        if (Expiring != 0)
            Expiring &= ~(1u << PlaceOf(root));
    }

    /// <summary>-1: it is no mount's root.</summary>
    private static int PlaceOf(Inode* root)
    {
        for (int i = 0; i < Capacity; i++)
            if (At(i) != null && s_table[i].Root == root)
                return i;
        return -1;
    }

    /// <summary>There is one of it, mounted or not.</summary>
    public static bool IsPermanent(Inode* root) =>
        root == Vfs.DeviceRoot || root == ProcTree.Root || root == PseudoTerminal.Directory;

    public static long ChangeFlags(Inode* root, uint flags)
    {
        if (root == Vfs.Root)
        {
            s_rootReadOnly = (flags & ReadOnlyFlag) != 0;
            return 0;
        }

        for (int i = 0; i < Capacity; i++)
        {
            if (At(i) == null || s_table[i].Root != root)
                continue;
            s_table[i].Flags = flags & ~Remount;
            return 0;
        }

        return Errno.EINVAL;
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

    private static bool InUse(byte volume)
    {
        Process* process = ProcessTable.FirstAfter(0);
        for (; process != null; process = ProcessTable.FirstAfter(process->Id))
        {
            Inode* directory = FileContext.WorkingDirectoryOf(process);
            if (directory != null && directory->Volume == volume)
                return true;
            directory = FileContext.RootDirectoryOf(process);
            if (directory != null && directory->Volume == volume)
                return true;
        }
        for (int i = 0; i < Capacity; i++)
            if (At(i) != null && s_table[i].Point->Volume == volume)
                return true;
        return Files.AnyOpenOn(volume);
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
        int length = Math.Min(text.Length, TextCapacity - 1);
        text.Slice(0, length).CopyTo(new Span<byte>(to, length));
        to[length] = 0;
    }
}
