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
}

/// <summary>Where a path led. Both inodes carry a reference for the caller; <see cref="Drop"/> gives them up.</summary>
public unsafe struct Walked
{
    /// <summary>The directory of the last name; null when the path was "/" or ended in nothing but dots.</summary>
    public Inode* Parent;

    /// <summary>What the path names, mounts crossed; null when the last name does not exist.</summary>
    public Inode* Inode;

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

    /// <summary>
    /// Looks the last name up once more, in a directory in memory, where names have changed since: another walk may
    /// have slept, and the name may mean something else by now, or nothing.
    /// </summary>
    public void LookAgain()
    {
        if (Changes == Directories.Changes || !HasName || !Parent->IsInMemory)
            return;
        Vfs.Release(Inode);
        fixed (byte* name = Name)
            Inode = PathWalk.ChildOf(Parent, name, NameLength, out Entry);
    }

    public void Drop()
    {
        Vfs.Release(Parent);
        Vfs.Release(Inode);
        Parent = null;
        Inode = null;
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
        /// <summary>Where it stands, with a reference.</summary>
        public Inode* Current;

        /// <summary>
        /// What is left of the path when a link is to be followed: the caller's text, or <see cref="Buffer"/> once a
        /// link has been followed.
        /// </summary>
        public byte* At;

        /// <summary>Null until a link has been followed.</summary>
        public byte* Buffer;
        public int Links;
    }

    /// <summary>
    /// Walks a zero-terminated path of less than <see cref="Vfs.PathCapacity"/> bytes, which stays as it is meanwhile.
    /// Result 0 also when only the last name is missing (<see cref="Walked.Inode"/> null); else ENOENT, ENOTDIR,
    /// EACCES, ENAMETOOLONG, ELOOP, ENOMEM, and nothing is held.
    /// </summary>
    public static long Walk(Inode* start, byte* path, WalkOptions options, out Walked walked)
    {
        walked = default;
        if (path[0] == 0)
        {
            if ((options & WalkOptions.AllowEmpty) == 0)
                return Errno.ENOENT;
            walked.Inode = Vfs.Hold(start);
            return 0;
        }

        var walk = new Progress { Current = Vfs.Hold(path[0] == '/' ? Vfs.CurrentRoot : start), At = path };
        long error = Walk(ref walk, options, ref walked);
        PathBuffers.Give(walk.Buffer);
        if (error < 0)
        {
            Vfs.Release(walk.Current);
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
                walked.Inode = walk.Current;
                walked.TrailingSlash = true;
                return walk.Current->Type == InodeType.DIR ? 0 : Errno.ENOTDIR;
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
            if (walk.Current->Type != InodeType.DIR)
                return Errno.ENOTDIR;
            if (FileRights.Check(walk.Current, FileRights.Execute) < 0)
                return Errno.EACCES;
            if (nameLength > Directories.MaxNameLength)
                return Errno.ENAMETOOLONG;

            int dots = DotsOf(name, nameLength);
            if (dots > 0)
            {
                if (dots == 2)
                    walk.Current = Step(walk.Current, ParentOf(walk.Current));
                if (last)
                {
                    walked.Inode = walk.Current;
                    walked.NameLength = -dots;
                    walked.TrailingSlash = slash;
                    return 0;
                }

                at = behind;
                continue;
            }

            Inode* child = ChildOf(walk.Current, name, nameLength, out DirectoryEntry* entry);
            if (child != null && child->Type == InodeType.LNK
                && (!last || slash || (options & WalkOptions.Follow) != 0))
            {
                walk.At = at;
                long error = Follow(ref walk, child, out bool jumped);
                at = walk.At;
                Vfs.Release(child);
                if (error < 0)
                    return error;
                if (!jumped || !last)
                    continue;
                walked.Inode = walk.Current;
                walked.TrailingSlash = slash;
                return slash && walk.Current->Type != InodeType.DIR ? Errno.ENOTDIR : 0;
            }

            if (last)
            {
                if (child != null && slash && child->Type != InodeType.DIR)
                {
                    Vfs.Release(child);
                    return Errno.ENOTDIR;
                }

                if (child != null && entry != null && child->Type != InodeType.DIR)
                    child->Home = entry;
                walked.Parent = walk.Current;
                walked.Inode = child;
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
            walk.Current = Step(walk.Current, child);
            at = behind;
        }
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
        walk.Links++;
        if (walk.Links > MaxLinks)
            return Errno.ELOOP;
        InodeOperations* operations = link->Operations;
        if (operations->MayFollow != null && !operations->MayFollow(link))
            return Errno.EACCES;
        Inode* target = operations->Jump != null ? operations->Jump(link) : null;
        if (target != null)
        {
            walk.Current = Step(walk.Current, target);
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
            walk.Current = Step(walk.Current, Vfs.Hold(Vfs.CurrentRoot));
        return 0;
    }

    /// <summary>One name in one directory, mounts crossed: the child with a reference, or null.</summary>
    public static Inode* ChildOf(Inode* directory, byte* name, int length, out DirectoryEntry* entry)
    {
        entry = null;
        Inode* child;
        if (directory->Operations->Lookup != null)
        {
            child = directory->Operations->Lookup(directory, name, length);
        }
        else
        {
            entry = Directories.Find(directory, name, length);
            child = entry != null ? Vfs.Hold(entry->Inode) : null;
        }

        while (child != null && child->Mounted != null)
        {
            child = Step(child, Vfs.Hold(child->Mounted));
            Mounts.Used(child);
        }

        return child;
    }

    /// <summary>
    /// The directory above, with a reference: of the process's root itself, of a mounted root what is above its mount
    /// point.
    /// </summary>
    public static Inode* ParentOf(Inode* directory)
    {
        Inode* root = Vfs.CurrentRoot;
        while (directory != root && directory->Covers != null)
            directory = directory->Covers;
        if (directory == root)
            return Vfs.Hold(directory);
        if (directory->Operations->ParentOf != null)
            return directory->Operations->ParentOf(directory);
        if (directory->Home == null)
            return Vfs.Hold(directory);
        Inode* parent = Vfs.Hold(directory->Home->Directory);
        while (parent->Mounted != null && parent != root)
            parent = Step(parent, Vfs.Hold(parent->Mounted));
        return parent;
    }

    /// <summary>Lets go of one and takes the other, which comes with its reference.</summary>
    private static Inode* Step(Inode* from, Inode* to)
    {
        Vfs.Release(from);
        return to;
    }
}
