using System;

namespace Guestos;

[Flags]
public enum WalkOptions
{
    None = 0,

    /// <summary>A link in the last place is followed.</summary>
    Follow = 1,

    /// <summary>An empty path means the start itself (AT_EMPTY_PATH).</summary>
    AllowEmpty = 2,

    /// <summary>To what is to be unmounted: no mount is used by it.</summary>
    Unmount = 4,

    // ---- openat2(2) ----

    /// <summary>Into no other mount: EXDEV.</summary>
    NoCrossing = 8,

    /// <summary>Through no link that stands for an inode (/proc/PID/fd): ELOOP.</summary>
    NoMagicLinks = 16,

    /// <summary>Through no symbolic link: ELOOP.</summary>
    NoLinks = 32,

    /// <summary>Out of the directory where it starts, not even for a while: EXDEV.</summary>
    Beneath = 64,

    /// <summary>The directory where it starts is its root.</summary>
    InRoot = 128,
}

/// <summary>
/// Where a path led. Inodes and mounts carry a reference for the caller; <see cref="Drop"/> gives them up.
/// </summary>
public unsafe struct Walked
{
    /// <summary>The directory of the last name; null when the path was "/" or ended in nothing but dots.</summary>
    public Inode* Parent;
    public Mount* ParentMount;

    /// <summary>What the path names, mounts crossed; null when the last name does not exist.</summary>
    public Inode* Inode;
    public Mount* Mount;

    /// <summary>The last name's entry, where the directory has entries; valid until the caller sleeps.</summary>
    public DirectoryEntry* Entry;

    /// <summary><see cref="Directories.Changes"/> when <see cref="Entry"/> was found.</summary>
    public ulong Changes;

    /// <summary>Length of the last name; 0 for "/", -1 for ".", -2 for "..".</summary>
    public int NameLength;

    /// <summary>The path ended in a slash: only a directory will do.</summary>
    public bool TrailingSlash;

    public fixed byte Name[Directories.MaxNameLength + 1];

    public readonly bool HasName => NameLength > 0;

    public readonly Place Directory => new(Parent, ParentMount);

    public readonly Place Place => new(Inode, Mount);

    /// <summary>
    /// Looks the last name up once more, in a directory in memory, where names have changed since: another walk may
    /// have slept, and the name may mean something else by now, or nothing.
    /// </summary>
    public void LookAgain()
    {
        if (Changes == Directories.Changes || !HasName || !Parent->IsInMemory)
            return;
        DropPlace();
        fixed (byte* name = Name)
            SetPlace(PathWalk.ChildOf(Directory, name, NameLength, true, out Entry));
    }

    public void Drop()
    {
        DropDirectory();
        DropPlace();
    }

    /// <summary>What was named is given up before its directory.</summary>
    public void DropPlace()
    {
        Place.Drop();
        SetPlace(default);
    }

    /// <summary>
    /// The end of a walk to something that must exist, whose result is <paramref name="error"/>: 0 and the place with
    /// its references, which are nobody else's then; or -errno.
    /// </summary>
    public long TakePlace(long error, out Place place)
    {
        place = default;
        if (error < 0)
            return error;
        DropDirectory();
        place = Place;
        SetPlace(default);
        return place.Inode == null ? Errno.ENOENT : 0;
    }

    internal void SetPlace(in Place place)
    {
        Inode = place.Inode;
        Mount = place.Mount;
    }

    internal void SetDirectory(in Place place)
    {
        Parent = place.Inode;
        ParentMount = place.Mount;
    }

    private void DropDirectory()
    {
        Directory.Drop();
        SetDirectory(default);
    }
}

/// <summary>
/// From a path to an inode (path_resolution(7)). A walk may sleep: it has references to the inodes that it stands on,
/// and a buffer of its own for what links say.
/// </summary>
public static unsafe class PathWalk
{
    /// <summary>Links followed in one walk before it is ELOOP.</summary>
    public const int MaxLinks = 40;

    /// <summary>A walk in progress.</summary>
    private ref struct Progress
    {
        /// <summary>Where it stands, with its references.</summary>
        public Place Current;

        /// <summary>
        /// What is left of the path when a link is to be followed: the caller's text, or <see cref="Buffer"/> once a
        /// link has been followed.
        /// </summary>
        public byte* At;

        /// <summary>Null until a link has been followed.</summary>
        public byte* Buffer;
        public int Links;
        public WalkOptions Options;

        /// <summary>
        /// The directory that it does not leave, with its references, if it is not to.
        /// </summary>
        public Place Scope;

        /// <summary><see cref="Directories.Changes"/> at the begin.</summary>
        public ulong Changes;

        public readonly bool Has(WalkOptions any) => (Options & any) != 0;

        public readonly bool IsScoped => Has(WalkOptions.Beneath | WalkOptions.InRoot);
    }

    /// <summary>
    /// Walks a zero-terminated path of less than <see cref="Vfs.PathCapacity"/> bytes, which stays as it is meanwhile.
    /// Result 0 also when only the last name is missing (<see cref="Walked.Inode"/> null); else ENOENT, ENOTDIR,
    /// EACCES, ENAMETOOLONG, ELOOP, ENOMEM, and nothing is held.
    /// </summary>
    public static long Walk(in Place start, byte* path, WalkOptions options, out Walked walked)
    {
        walked = default;
        if (path[0] == 0)
        {
            if ((options & WalkOptions.AllowEmpty) == 0)
                return Errno.ENOENT;
            walked.SetPlace(start.Hold());
            return 0;
        }

        bool isAbsolute = path[0] == '/';
        if (isAbsolute && (options & WalkOptions.Beneath) != 0)
            return Errno.EXDEV;
        Place begin = isAbsolute && (options & WalkOptions.InRoot) == 0 ? Vfs.CurrentRoot : start;
        var walk = new Progress
        {
            Current = begin.Hold(),
            At = path,
            Options = options,
            Changes = Directories.Changes,
        };
        if (walk.IsScoped)
            walk.Scope = begin.Hold();
        long error = Walk(ref walk, options, ref walked);
        walk.Scope.Drop();
        PathBuffers.Give(walk.Buffer);
        if (error < 0)
        {
            walk.Current.Drop();
            walked = default;
        }

        return error;
    }

    // On success the walk's reference has become walked.Parent or walked.Inode.
    private static long Walk(ref Progress walk, WalkOptions options, ref Walked walked)
    {
        byte* at = walk.At;
        while (true)
        {
            while (*at == '/')
                at++;
            if (*at == 0)
            {
                walked.SetPlace(walk.Current);
                walked.TrailingSlash = true;
                return walk.Current.Inode->Type == InodeType.DIR ? 0 : Errno.ENOTDIR;
            }

            byte* name = at;
            while (*at != 0 && *at != '/')
                at++;
            int nameLength = (int)(at - name);
            byte* behind = at;
            while (*behind == '/')
                behind++;
            bool last = *behind == 0;
            bool slash = *at == '/';
            if (walk.Current.Inode->Type != InodeType.DIR)
                return Errno.ENOTDIR;
            if (FileRights.Check(walk.Current.Inode, FileRights.Execute) < 0)
                return Errno.EACCES;
            if (nameLength > Directories.MaxNameLength)
                return Errno.ENAMETOOLONG;

            int dots = DotsOf(name, nameLength);
            if (dots > 0)
            {
                if (dots == 2)
                {
                    long refused = StepUp(ref walk);
                    if (refused < 0)
                        return refused;
                }

                if (last)
                {
                    walked.SetPlace(walk.Current);
                    walked.NameLength = -dots;
                    walked.TrailingSlash = slash;
                    return 0;
                }

                at = behind;
                continue;
            }

            bool isUse = (options & WalkOptions.Unmount) == 0;
            Place place = ChildOf(walk.Current, name, nameLength, isUse, out DirectoryEntry* entry);
            Inode* child = place.Inode;
            if (child != null && place.Mount != walk.Current.Mount && walk.Has(WalkOptions.NoCrossing))
            {
                place.Drop();
                return Errno.EXDEV;
            }

            if (child != null && child->Type == InodeType.LNK
                && (!last || slash || (options & WalkOptions.Follow) != 0))
            {
                walk.At = at;
                long error = Follow(ref walk, child, out bool jumped);
                at = walk.At;
                place.Drop();
                if (error < 0)
                    return error;
                if (!jumped || !last)
                    continue;
                walked.SetPlace(walk.Current);
                walked.TrailingSlash = slash;
                return slash && walk.Current.Inode->Type != InodeType.DIR ? Errno.ENOTDIR : 0;
            }

            if (last)
            {
                if (child != null && slash && child->Type != InodeType.DIR)
                {
                    place.Drop();
                    return Errno.ENOTDIR;
                }

                if (child != null && entry != null && child->Type != InodeType.DIR)
                    child->Home = entry;
                walked.SetDirectory(walk.Current);
                walked.SetPlace(place);
                walked.Entry = entry;
                walked.Changes = Directories.Changes;
                walked.NameLength = nameLength;
                walked.TrailingSlash = slash;
                fixed (byte* to = walked.Name)
                    Memory.Copy(to, name, (ulong)nameLength);
                return 0;
            }

            if (child == null)
                return Errno.ENOENT;
            Step(ref walk.Current, place);
            at = behind;
        }
    }

    /// <summary>
    /// "..". ENOENT, EXDEV; EAGAIN: names have changed while the walk slept, so that nobody knows whether the directory
    /// where it stands is still in the one that it does not leave.
    /// </summary>
    private static long StepUp(ref Progress walk)
    {
        if (walk.IsScoped && walk.Current.Is(walk.Scope))
            return walk.Has(WalkOptions.Beneath) ? Errno.EXDEV : 0;
        if (walk.IsScoped && walk.Changes != Directories.Changes)
            return Errno.EAGAIN;
        Place above = ParentOf(walk.Current);
        if (above.Inode == null)
            return Errno.ENOENT;
        if (above.Mount != walk.Current.Mount && walk.Has(WalkOptions.NoCrossing))
        {
            above.Drop();
            return Errno.EXDEV;
        }

        Step(ref walk.Current, above);
        return 0;
    }

    /// <summary>1 for ".", 2 for "..", else 0.</summary>
    private static int DotsOf(byte* name, int length)
    {
        if (name[0] != '.' || length > 2)
            return 0;
        if (length == 1)
            return 1;
        return name[1] == '.' ? 2 : 0;
    }

    /// <summary>
    /// Goes where a link points: what is left of the path becomes target + rest, read from the link's directory or the
    /// root. Links that stand for an inode (/proc/PID/fd) lead to it at once.
    /// </summary>
    private static long Follow(ref Progress walk, Inode* link, out bool jumped)
    {
        jumped = false;
        if (walk.Has(WalkOptions.NoLinks))
            return Errno.ELOOP;
        walk.Links++;
        if (walk.Links > MaxLinks)
            return Errno.ELOOP;
        InodeOperations* operations = link->Operations;
        if (operations->MayFollow != null && !operations->MayFollow(link))
            return Errno.EACCES;
        Place target = default;
        if (operations->Jump != null)
            operations->Jump(link, &target);
        if (target.Inode != null)
        {
            bool isOther = target.Mount != walk.Current.Mount;
            if (walk.Has(WalkOptions.NoMagicLinks) || walk.IsScoped || isOther && walk.Has(WalkOptions.NoCrossing))
            {
                target.Drop();
                return walk.Has(WalkOptions.NoMagicLinks) ? Errno.ELOOP : Errno.EXDEV;
            }

            Step(ref walk.Current, target);
            jumped = true;
            return 0;
        }

        return operations->LinkText != null
            ? FollowMade(ref walk, link)
            : FollowText(ref walk, link->Image, link->ImageLength);
    }

    private static long FollowMade(ref Progress walk, Inode* link)
    {
        byte* text = stackalloc byte[InodeOperations.MaxText];
        long length = link->Operations->LinkText(link, text, InodeOperations.MaxText);
        return length < 0 ? length : FollowText(ref walk, text, (ulong)length);
    }

    private static long FollowText(ref Progress walk, byte* text, ulong length)
    {
        if (length == 0)
            return Errno.ENOENT;
        Place root = walk.Has(WalkOptions.InRoot) ? walk.Scope : Vfs.CurrentRoot;
        bool isOut = walk.Has(WalkOptions.Beneath)
            || root.Mount != walk.Current.Mount && walk.Has(WalkOptions.NoCrossing);
        if (text[0] == '/' && isOut)
            return Errno.EXDEV;
        ulong rest = (ulong)Memory.StringLength(walk.At);
        if (length + rest + 1 > Vfs.PathCapacity)
            return Errno.ENAMETOOLONG;
        if (walk.Buffer == null)
            walk.Buffer = PathBuffers.Take();
        if (walk.Buffer == null)
            return Errno.ENOMEM;
        // What is left may lie in the buffer already, further back or further on: it is moved first.
        Memory.Copy(walk.Buffer + length, walk.At, rest + 1);
        Memory.Copy(walk.Buffer, text, length);
        walk.At = walk.Buffer;
        if (walk.Buffer[0] == '/')
            Step(ref walk.Current, root.Hold());
        return 0;
    }

    /// <summary>
    /// One name in one directory, mounts crossed: the child with its references, or no inode. A mount that is crossed
    /// does not expire yet, if <paramref name="isUse"/>.
    /// </summary>
    public static Place ChildOf(in Place directory, byte* name, int length, bool isUse, out DirectoryEntry* entry)
    {
        entry = null;
        Inode* child;
        if (directory.Inode->Operations->Lookup != null)
        {
            child = directory.Inode->Operations->Lookup(directory.Inode, name, length);
        }
        else
        {
            entry = Directories.Find(directory.Inode, name, length);
            child = entry != null ? Vfs.Hold(entry->Inode) : null;
        }

        return child != null ? Cross(new Place(child, Mounts.Hold(directory.Mount)), isUse) : default;
    }

    /// <summary>
    /// The directory above, with its references: of the process's root itself, of a mounted root what is above its
    /// mount point. No inode: it has been moved out of what its mount shows.
    /// </summary>
    public static Place ParentOf(in Place place)
    {
        Place root = Vfs.CurrentRoot;
        Place at = place;
        while (!at.Is(root) && at.IsMountRoot && at.Mount->Parent != null)
            at = new Place(at.Mount->Point, at.Mount->Parent);
        if (at.Is(root) || at.IsMountRoot)
            return at.Hold();
        if (at.Mount->Root->Home != null && !Mounts.IsBelow(at.Inode, at.Mount->Root))
            return default;
        if (at.Inode->Operations->ParentOf != null)
            return new Place(at.Inode->Operations->ParentOf(at.Inode), Mounts.Hold(at.Mount));
        if (at.Inode->Home == null)
            return at.Hold();
        at.Inode = at.Inode->Home->Directory;
        return at.Is(root) ? at.Hold() : Cross(at.Hold(), true);
    }

    /// <summary>Up to the uppermost mount over a place. Takes the references over.</summary>
    private static Place Cross(Place at, bool isUse)
    {
        Mount* over = at.Inode->Mounted != null ? Mounts.On(at) : null;
        while (over != null)
        {
            if (isUse)
                over->IsExpiring = false;
            Step(ref at, new Place(over->Root, over).Hold());
            over = at.Inode->Mounted != null ? Mounts.On(at) : null;
        }

        return at;
    }

    /// <summary>Lets go of one and takes the other, which comes with its references.</summary>
    private static void Step(ref Place from, in Place to)
    {
        from.Drop();
        from = to;
    }
}
