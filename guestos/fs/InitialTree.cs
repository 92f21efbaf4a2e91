using System;

namespace Guestos;

/// <summary>
/// Fills the root directory from the initial archive. File contents are not copied: inodes point into the archive. Members that
/// cannot be (names with "..", no room) are left out and counted; damage ends the unpacking where it is, with one sentence.
/// </summary>
public static unsafe class InitialTree
{
    private const int Buckets = 256;

    /// <summary>Hard links in newc share an inode number; the content comes with any one of them (usually the last).</summary>
    private struct LinkRecord
    {
        public LinkRecord* Next;
        public Inode* Inode;
        public uint Number, DeviceMajor, DeviceMinor;
    }

    /// <summary>Members taken and left out by the last unpacking.</summary>
    public static int Taken, LeftOut;

    /// <summary>Unpacks into <see cref="Vfs.Root"/>. False when the archive is damaged.</summary>
    public static bool Unpack(byte* archive, ulong length)
    {
        Taken = LeftOut = 0;
        if (length >= 2 && archive[0] == 0x1f && archive[1] == 0x8b)
        {
            Console.Write("initramfs: the archive is compressed; only plain cpio (newc) is read\n"u8);
            return false;
        }

        var reader = new CpioReader(archive, length);
        var links = (LinkRecord**)Objects.Allocate(Buckets * sizeof(LinkRecord*));
        while (links != null && reader.Next(out CpioMember member, out bool trailer))
        {
            if (trailer)
            {
                Forget(links);
                continue;
            }

            if (Add(member, links))
                Taken++;
            else
                LeftOut++;
        }

        if (links != null)
        {
            Forget(links);
            Objects.Free(links, Buckets * sizeof(LinkRecord*));
        }

        if (LeftOut > 0)
        {
            Console.Write("initramfs: members left out: "u8);
            Console.WriteDecimal((ulong)LeftOut);
            Console.Write("\n"u8);
        }

        if (!reader.Damaged)
            return true;
        Console.Write("initramfs: the archive is damaged at byte "u8);
        Console.WriteDecimal(reader.Offset);
        Console.Write("\n"u8);
        return false;
    }

    private static bool Add(in CpioMember member, LinkRecord** links)
    {
        Inode* directory = Vfs.Root;
        byte* at = member.Name;
        byte* end = at + member.NameLength;
        var type = (InodeType)(member.Mode & 0xf000);
        while (true)
        {
            while (at < end && *at == '/')
                at++;
            byte* name = at;
            while (at < end && *at != '/')
                at++;
            int length = (int)(at - name);
            byte* behind = at;
            while (behind < end && *behind == '/')
                behind++;
            bool last = behind == end;
            if (length == 0 || length == 1 && name[0] == '.')
            {
                if (last)
                    return type == InodeType.Directory && Describe(directory, member);
                continue;
            }

            if (length > Directories.LongestName || length == 2 && name[0] == '.' && name[1] == '.')
                return false;
            if (last)
                return Place(directory, name, length, type, member, links);
            DirectoryEntry* entry = Directories.Find(directory, name, length);
            if (entry == null)
            {
                Inode* made = Vfs.NewInode(InodeType.Directory, 0x1ed, Vfs.RootVolume);
                entry = made != null ? Directories.Add(directory, name, length, made) : null;
                Vfs.Release(made);
            }

            if (entry == null || entry->Inode->Type != InodeType.Directory)
                return false;
            directory = entry->Inode;
        }
    }

    private static bool Place(Inode* directory, byte* name, int length, InodeType type, in CpioMember member, LinkRecord** links)
    {
        if (type is not (InodeType.Regular or InodeType.Directory or InodeType.Link or InodeType.Character or InodeType.Block or InodeType.Fifo or InodeType.Socket))
            return false;
        if (type == InodeType.Link && (member.DataLength == 0 || member.DataLength >= Vfs.PathCapacity))
            return false;
        if (FileContent.FreeFrames == 0)
            return false;
        DirectoryEntry* entry = Directories.Find(directory, name, length);
        if (entry != null && entry->Inode->Type == InodeType.Directory)
            return type == InodeType.Directory && Describe(entry->Inode, member);
        if (entry != null)
            Directories.Remove(entry);

        LinkRecord* record = type == InodeType.Regular && member.Links > 1 ? FindLink(links, member) : null;
        Inode* inode = record != null ? Vfs.Hold(record->Inode) : Vfs.NewInode(type, 0, Vfs.RootVolume);
        if (inode == null)
            return false;
        if (record == null && type == InodeType.Regular && member.Links > 1)
            Remember(links, member, inode);
        bool done = Directories.Add(directory, name, length, inode) != null && Describe(inode, member);
        if (done && member.DataLength > 0 && type is (InodeType.Regular or InodeType.Link))
        {
            inode->Image = member.Data;
            inode->ImageLength = inode->Size = member.DataLength;
        }

        Vfs.Release(inode);
        return done;
    }

    private static bool Describe(Inode* inode, in CpioMember member)
    {
        inode->Permissions = (ushort)(member.Mode & 0xfff);
        inode->UserId = member.UserId;
        inode->GroupId = member.GroupId;
        inode->DeviceNumber = (member.NodeMajor & 0xfff) << 8 | member.NodeMinor & 0xff;
        inode->AccessTime = inode->ModifyTime = inode->ChangeTime = member.ModifyTime * 1_000_000_000UL;
        return true;
    }

    private static LinkRecord** BucketOf(LinkRecord** links, in CpioMember member) => &links[(member.Number ^ member.DeviceMinor) % Buckets];

    private static LinkRecord* FindLink(LinkRecord** links, in CpioMember member)
    {
        for (LinkRecord* record = *BucketOf(links, member); record != null; record = record->Next)
            if (record->Number == member.Number && record->DeviceMajor == member.DeviceMajor && record->DeviceMinor == member.DeviceMinor)
                return record;
        return null;
    }

    private static void Remember(LinkRecord** links, in CpioMember member, Inode* inode)
    {
        LinkRecord* record = Objects.Allocate<LinkRecord>();
        if (record == null)
            return;     // further names become files of their own
        LinkRecord** bucket = BucketOf(links, member);
        record->Inode = Vfs.Hold(inode);
        record->Number = member.Number;
        record->DeviceMajor = member.DeviceMajor;
        record->DeviceMinor = member.DeviceMinor;
        record->Next = *bucket;
        *bucket = record;
    }

    private static void Forget(LinkRecord** links)
    {
        for (int i = 0; i < Buckets; i++)
        {
            while (links[i] != null)
            {
                LinkRecord* record = links[i];
                links[i] = record->Next;
                Vfs.Release(record->Inode);
                Objects.Free(record);
            }
        }
    }
}
