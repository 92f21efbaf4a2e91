using System;

namespace Guestos;

/// <summary>
/// Directories of file systems in memory: names in, names out. Checks of what may be done belong to <see cref="Vfs"/>.
/// </summary>
public static unsafe class Directories
{
    public const int MaxNameLength = 255;

    /// <summary>Cookies 1 and 2 are "." and ".."; 0 is "nothing read yet".</summary>
    public const ulong FirstCookie = 3;

    /// <summary>How often a name has been made, has gone or has got another meaning, in any directory.</summary>
    public static ulong Changes;

    public static DirectoryEntry* Find(Inode* directory, byte* name, int length)
    {
        uint hash = Hash(name, length);
        for (DirectoryEntry* entry = directory->FirstEntry; entry != null; entry = entry->Next)
            if (entry->Hash == hash && entry->NameLength == length && Memory.Equal(entry->Name, name, length))
                return entry;
        return null;
    }

    /// <summary>
    /// Adds a name for an inode and counts the link (and the parent's for a directory). Null without memory: ENOSPC.
    /// </summary>
    public static DirectoryEntry* Add(Inode* directory, byte* name, int length, Inode* inode)
    {
        var entry = (DirectoryEntry*)Objects.Allocate(EntrySize(length));
        if (entry == null)
            return null;
        entry->Directory = directory;
        entry->Hash = Hash(name, length);
        entry->NameLength = (ushort)length;
        Memory.Copy(entry->Name, name, (ulong)length);
        Changes++;
        Append(directory, entry);
        Point(entry, inode);
        Touch(directory);
        return entry;
    }

    /// <summary>Takes a name away; the inode dies with its last name and last user.</summary>
    public static void Remove(DirectoryEntry* entry)
    {
        Inode* directory = entry->Directory;
        Changes++;
        Unlink(entry);
        if (entry->Previous != null)
            entry->Previous->Next = entry->Next;
        else
            directory->FirstEntry = entry->Next;
        if (entry->Next != null)
            entry->Next->Previous = entry->Previous;
        else
            directory->LastEntry = entry->Previous;
        Objects.Free(entry, EntrySize(entry->NameLength));
        Touch(directory);
    }

    /// <summary>Makes an existing name mean another inode (rename over it): the old one loses a link.</summary>
    public static void Repoint(DirectoryEntry* entry, Inode* inode)
    {
        Changes++;
        Vfs.Hold(inode);
        Unlink(entry);
        Point(entry, inode);
        Vfs.Release(inode);
        Touch(entry->Directory);
    }

    /// <summary>The first entry behind a cookie; null at the end.</summary>
    public static DirectoryEntry* After(Inode* directory, ulong cookie)
    {
        DirectoryEntry* entry = directory->FirstEntry;
        while (entry != null && entry->Cookie <= cookie)
            entry = entry->Next;
        return entry;
    }

    /// <summary>Its content changes now: st_mtime and st_ctime.</summary>
    public static void Touch(Inode* inode)
    {
        inode->ModifyTime = Clock.Realtime;
        inode->ChangeTime = inode->ModifyTime;
    }

    private static int EntrySize(int nameLength) => sizeof(DirectoryEntry) + nameLength;

    private static void Append(Inode* directory, DirectoryEntry* entry)
    {
        if (directory->NextCookie < FirstCookie)
            directory->NextCookie = FirstCookie;
        entry->Cookie = directory->NextCookie;
        directory->NextCookie++;
        entry->Previous = directory->LastEntry;
        if (directory->LastEntry != null)
            directory->LastEntry->Next = entry;
        else
            directory->FirstEntry = entry;
        directory->LastEntry = entry;
    }

    private static void Point(DirectoryEntry* entry, Inode* inode)
    {
        entry->Inode = inode;
        if (inode->Type != InodeType.DIR && inode->Links > 0)
            Volumes.Of(inode->Volume).Inodes++;     // tmpfs: a further name counts as an inode
        inode->Links++;
        inode->Home = entry;
        inode->ChangeTime = Clock.Realtime;
        if (inode->Type == InodeType.DIR)
        {
            inode->Links++;             // its own "."
            entry->Directory->Links++;  // its ".."
        }
    }

    private static void Unlink(DirectoryEntry* entry)
    {
        Inode* inode = entry->Inode;
        Vfs.Hold(inode);
        inode->Links--;
        if (inode->Type != InodeType.DIR && inode->Links > 0)
            Volumes.Of(inode->Volume).Inodes--;
        if (inode->Type == InodeType.DIR)
        {
            inode->Links--;
            entry->Directory->Links--;
        }

        if (inode->Home == entry)
            inode->Home = null;
        inode->ChangeTime = Clock.Realtime;
        Vfs.Release(inode);
    }

    /// <summary>FNV-1a: only a filter before the comparison.</summary>
    private static uint Hash(byte* name, int length)
    {
        uint hash = 2166136261;
        for (int i = 0; i < length; i++)
            hash = (hash ^ name[i]) * 16777619;
        return hash;
    }
}
