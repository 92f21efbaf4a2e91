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

    /// <summary>The last name's entry, where the directory has entries; valid until the directory changes.</summary>
    public DirectoryEntry* Entry;

    /// <summary>Length of the last name; 0 for "/", -1 for ".", -2 for "..".</summary>
    public int NameLength;

    /// <summary>The path ended in a slash: only a directory will do.</summary>
    public bool TrailingSlash;

    public fixed byte Name[Directories.LongestName + 1];

    public readonly bool HasName => NameLength > 0;

    public void Drop()
    {
        Vfs.Release(Parent);
        Vfs.Release(Inode);
        Parent = Inode = null;
    }
}

/// <summary>From a path to an inode (path_resolution(7)). Walks never sleep, so one buffer serves them all.</summary>
public static unsafe class PathWalk
{
    /// <summary>Links followed in one walk before it is ELOOP.</summary>
    public const int MostLinks = 40;

    private static byte* s_rest;

    public static void Init() => s_rest = (byte*)Objects.Allocate(Vfs.PathCapacity);

    /// <summary>
    /// Walks a zero-terminated path. Result 0 also when only the last name is missing (<see cref="Walked.Inode"/> null); else ENOENT,
    /// ENOTDIR, EACCES, ENAMETOOLONG, ELOOP, ENOMEM, and nothing is held.
    /// </summary>
    public static long Walk(Inode* start, byte* path, WalkOptions options, out Walked walked)
    {
        walked = default;
        int length = Memory.StringLength(path);
        if (length >= Vfs.PathCapacity)
            return Errno.NameTooLong;
        if (length == 0)
        {
            if ((options & WalkOptions.AllowEmpty) == 0)
                return Errno.NoEntry;
            walked.Inode = Vfs.Hold(start);
            return 0;
        }

        Memory.Copy(s_rest, path, (ulong)length + 1);
        Inode* current = Vfs.Hold(s_rest[0] == '/' ? Vfs.CurrentRoot : start);
        long error = Walk(ref current, options, ref walked);
        if (error < 0)
        {
            Vfs.Release(current);
            walked = default;
            return error;
        }

        return 0;
    }

    // `current` holds one reference throughout; on success it has become walked.Parent or walked.Inode.
    private static long Walk(ref Inode* current, WalkOptions options, ref Walked walked)
    {
        byte* at = s_rest;
        int links = 0;
        while (true)
        {
            while (*at == '/')
                at++;
            if (*at == 0)
            {
                walked.Inode = current;
                walked.TrailingSlash = true;
                return current->Type == InodeType.Directory ? 0 : Errno.NotDirectory;
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
            if (current->Type != InodeType.Directory)
                return Errno.NotDirectory;
            if (FileRights.Check(current, FileRights.Execute) < 0)
                return Errno.Access;
            if (nameLength > Directories.LongestName)
                return Errno.NameTooLong;

            int dots = nameLength == 1 && name[0] == '.' ? 1 : nameLength == 2 && name[0] == '.' && name[1] == '.' ? 2 : 0;
            if (dots > 0)
            {
                if (dots == 2)
                    current = Step(current, ParentOf(current));
                if (last)
                {
                    walked.Inode = current;
                    walked.NameLength = -dots;
                    walked.TrailingSlash = slash;
                    return 0;
                }

                at = behind;
                continue;
            }

            Inode* child = ChildOf(current, name, nameLength, out DirectoryEntry* entry);
            if (child != null && child->Type == InodeType.Link && (!last || slash || (options & WalkOptions.Follow) != 0))
            {
                bool jumped = false;
                long error = ++links > MostLinks ? Errno.TooManySymbolicLinks : Follow(ref current, child, ref at, out jumped);
                Vfs.Release(child);
                if (error < 0)
                    return error;
                if (!jumped || !last)
                    continue;
                walked.Inode = current;
                walked.TrailingSlash = slash;
                return slash && current->Type != InodeType.Directory ? Errno.NotDirectory : 0;
            }

            if (last)
            {
                walked.Parent = current;
                walked.Inode = child;
                walked.Entry = entry;
                walked.NameLength = nameLength;
                walked.TrailingSlash = slash;
                fixed (byte* to = walked.Name)
                    Memory.Copy(to, name, (ulong)nameLength);
                if (child != null && slash && child->Type != InodeType.Directory)
                {
                    Vfs.Release(child);
                    return Errno.NotDirectory;
                }

                return 0;
            }

            if (child == null)
                return Errno.NoEntry;
            current = Step(current, child);
            at = behind;
        }
    }

    /// <summary>
    /// Goes where a link points: what is left of the path becomes target + rest, read from the link's directory or the root.
    /// Links of /proc that stand for an open object lead to it at once.
    /// </summary>
    private static long Follow(ref Inode* current, Inode* link, ref byte* at, out bool jumped)
    {
        jumped = false;
        if (link->FileSystem == FileSystem.Proc)
        {
            if (!ProcTree.MayFollow(link))
                return Errno.Access;
            Inode* target = ProcTree.Jump(link);
            if (target != null)
            {
                current = Step(current, target);
                jumped = true;
                return 0;
            }
        }

        byte* text = link->Image;
        ulong length = link->ImageLength;
        byte* scratch = stackalloc byte[ProcTree.LongestPath];
        if (link->FileSystem == FileSystem.Proc)
        {
            long made = ProcTree.LinkText(link, scratch, ProcTree.LongestPath);
            if (made < 0)
                return made;
            text = scratch;
            length = (ulong)made;
        }

        if (length == 0)
            return Errno.NoEntry;
        int rest = Memory.StringLength(at);
        if (length + (ulong)rest + 1 > Vfs.PathCapacity)
            return Errno.NameTooLong;
        Memory.Copy(s_rest + length, at, (ulong)rest + 1);
        Memory.Copy(s_rest, text, length);
        at = s_rest;
        if (*at == '/')
            current = Step(current, Vfs.Hold(Vfs.CurrentRoot));
        return 0;
    }

    /// <summary>One name in one directory, mounts crossed: the child with a reference, or null.</summary>
    public static Inode* ChildOf(Inode* directory, byte* name, int length, out DirectoryEntry* entry)
    {
        entry = null;
        Inode* child;
        if (directory->FileSystem == FileSystem.Proc)
        {
            child = ProcTree.Lookup(directory, name, length);
        }
        else
        {
            entry = Directories.Find(directory, name, length);
            child = entry != null ? Vfs.Hold(entry->Inode) : null;
        }

        while (child != null && child->Mounted != null)
            child = Step(child, Vfs.Hold(child->Mounted));
        return child;
    }

    /// <summary>The directory above, with a reference: of the process's root itself, of a mounted root what is above its mount point.</summary>
    public static Inode* ParentOf(Inode* directory)
    {
        Inode* root = Vfs.CurrentRoot;
        while (directory != root && directory->Covers != null)
            directory = directory->Covers;
        if (directory == root)
            return Vfs.Hold(directory);
        if (directory->FileSystem == FileSystem.Proc)
            return ProcTree.ParentOf(directory);
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
