using System;

namespace Guestos;

/// <summary>
/// Fills the root directory from the initial archives (Linux
/// Documentation/driver-api/early-userspace/buffer-format.rst): any number of cpio archives, plain or compressed by
/// gzip or Zstandard, with zeros in between. Contents of plain ones are not copied: inodes point into the archive.
/// Members that cannot be (names with "..") are left out and counted; what is damaged, cut or does not fit is told in
/// one sentence.
/// </summary>
public static unsafe class InitialTree
{
    private const int Buckets = 256;

    /// <summary>
    /// Hard links in newc share an inode number; the content comes with any one of them (usually the last).
    /// </summary>
    private struct LinkRecord
    {
        public LinkRecord* Next;
        public Inode* Inode;
        public uint Number;
        public uint DeviceMajor;
        public uint DeviceMinor;
    }

    internal enum Outcome
    {
        Taken,

        /// <summary>It cannot be in a tree of ours.</summary>
        LeftOut,
        NoRoom,
    }

    private static LinkRecord** s_links;

    /// <summary>Members taken and left out by the last unpacking.</summary>
    public static int Taken;
    public static int LeftOut;

    /// <summary>Files point into the archives: they have to stay where they are.</summary>
    public static bool KeepsArchive;

    /// <summary>
    /// Unpacks into <see cref="Vfs.Root"/>. False, and a sentence on the console, when not all of it could be: the
    /// guest is not what its maker meant. What is no archive at all behind a whole one is told and passed over, as
    /// Linux does.
    /// </summary>
    public static bool Unpack(byte* archive, ulong length)
    {
        Taken = 0;
        LeftOut = 0;
        s_links = (LinkRecord**)Objects.Allocate(Buckets * sizeof(LinkRecord*));
        bool whole = s_links != null ? Archives(archive, length) : Fail("there is no memory to unpack it"u8, 0);
        if (s_links != null)
        {
            ForgetLinks();
            Objects.Free(s_links, Buckets * sizeof(LinkRecord*));
        }

        if (LeftOut > 0)
        {
            Console.Write("initramfs: members left out because of their names or types: "u8);
            Console.WriteDecimal((ulong)LeftOut);
            Console.Write("\n"u8);
        }

        return whole;
    }

    private static bool Archives(byte* archive, ulong length)
    {
        var reader = new CpioReader(archive, length);
        bool any = false;
        while (reader.SkipZeros())
        {
            ulong at = reader.Offset;
            // SAFETY: the caller vouches for the archive; compressed ones are looked at as far as a span reaches.
            var rest = new ReadOnlySpan<byte>(archive + at, (int)Math.Min(length - at, int.MaxValue));
            bool compressed = Gzip.Is(rest) || Zstandard.Is(rest);
            if (!compressed && !reader.IsMember)
                return any
                    ? Pass(at)
                    : Fail("it is neither a cpio (newc) archive nor one compressed by gzip or zstd"u8, at);
            if (compressed ? !Compressed(rest, ref reader.Offset) : !Member(ref reader))
                return false;
            any = true;
        }

        return true;
    }

    /// <summary>Tells of what follows the archives and is none.</summary>
    private static bool Pass(ulong at)
    {
        Console.Write("initramfs: what follows the last archive is none, and is not looked at, from byte "u8);
        Console.WriteDecimal(at);
        Console.Write("\n"u8);
        return true;
    }

    private static bool Fail(ReadOnlySpan<byte> what, ulong at)
    {
        Console.Write("initramfs: "u8);
        Console.Write(what);
        Console.Write(", at byte "u8);
        Console.WriteDecimal(at);
        Console.Write("\n"u8);
        return false;
    }

    private static bool Member(ref CpioReader reader)
    {
        if (!reader.Next(out CpioMember member, out bool trailer))
            return Fail(reader.Cut ? "the archive is cut off"u8 : "the archive is damaged"u8, reader.Offset);
        if (trailer)
        {
            ForgetLinks();
            return true;
        }

        Outcome outcome = Add(member, out Inode* inode);
        Vfs.Release(inode);
        return Count(outcome) || Fail("there is no memory for its files"u8, reader.Offset);
    }

    private static bool Compressed(ReadOnlySpan<byte> rest, ref ulong offset)
    {
        CpioStream stream = default;
        if (!stream.Start())
            return Fail("there is no memory to unpack it"u8, offset);
        int at = 0;
        UnpackResult result = Gzip.Is(rest)
            ? Gzip.Run(rest, ref at, ref stream)
            : Zstandard.Run(rest, ref at, ref stream);
        CpioStream.Failure failure = result is UnpackResult.Done or UnpackResult.Refused
            ? stream.Result
            : CpioStream.Failure.None;
        stream.End();
        ulong start = offset;
        offset += (ulong)at;
        switch (result)
        {
            case UnpackResult.Cut: return Fail("the compressed archive is cut off"u8, start);
            case UnpackResult.Damaged: return Fail("the compressed data are damaged"u8, start);
            case UnpackResult.NotSupported:
                return Fail("the compressed data ask for a dictionary or a window above 8 MiB"u8, start);
            case UnpackResult.NoMemory: return Fail("there is no memory to unpack it"u8, start);
        }

        return failure switch
        {
            CpioStream.Failure.None => true,
            CpioStream.Failure.NoRoom => Fail("there is no memory for its files"u8, start),
            CpioStream.Failure.Cut => Fail("the archive in the compressed data is cut off"u8, start),
            _ => Fail("what is compressed is no cpio (newc) archive, or a damaged one"u8, start),
        };
    }

    /// <summary>Counts a member; false when there was no room for it.</summary>
    internal static bool Count(Outcome outcome)
    {
        if (outcome == Outcome.Taken)
            Taken++;
        else if (outcome == Outcome.LeftOut)
            LeftOut++;
        return outcome != Outcome.NoRoom;
    }

    /// <summary>
    /// Makes what a member describes. <paramref name="inode"/>, with a reference, is what was made or described; its
    /// content is the member's data, where there are any, or comes later.
    /// </summary>
    internal static Outcome Add(in CpioMember member, out Inode* inode)
    {
        inode = null;
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
                if (!last)
                    continue;
                if (type != InodeType.DIR)
                    return Outcome.LeftOut;
                inode = Vfs.Hold(directory);
                Describe(inode, member);
                return Outcome.Taken;
            }

            if (length > Directories.MaxNameLength || length == 2 && name[0] == '.' && name[1] == '.')
                return Outcome.LeftOut;
            if (last)
                return Place(directory, name, length, type, member, out inode);
            DirectoryEntry* entry = Directories.Find(directory, name, length);
            if (entry == null)
            {
                Inode* made = Vfs.NewInode(InodeType.DIR, 0x1ed, Vfs.RootVolume);
                entry = made != null ? Directories.Add(directory, name, length, made) : null;
                Vfs.Release(made);
                if (entry == null)
                    return Outcome.NoRoom;
            }

            if (entry->Inode->Type != InodeType.DIR)
                return Outcome.LeftOut;
            directory = entry->Inode;
        }
    }

    private static Outcome Place(Inode* directory, byte* name, int length, InodeType type, in CpioMember member,
        out Inode* inode)
    {
        inode = null;
        if (type is not (InodeType.REG or InodeType.DIR or InodeType.LNK or InodeType.CHR
            or InodeType.BLK or InodeType.FIFO or InodeType.SOCK))
            return Outcome.LeftOut;
        if (type == InodeType.LNK && (member.DataLength == 0 || member.DataLength >= Vfs.PathCapacity))
            return Outcome.LeftOut;
        if (FileContent.FreeFrames == 0)
            return Outcome.NoRoom;
        DirectoryEntry* entry = Directories.Find(directory, name, length);
        if (entry != null && entry->Inode->Type == InodeType.DIR)
        {
            if (type != InodeType.DIR)
                return Outcome.LeftOut;
            inode = Vfs.Hold(entry->Inode);
            Describe(inode, member);
            return Outcome.Taken;
        }

        if (entry != null)
            Directories.Remove(entry);
        LinkRecord* record = type == InodeType.REG && member.Links > 1 ? FindLink(member) : null;
        inode = record != null ? Vfs.Hold(record->Inode) : Vfs.NewInode(type, 0, Vfs.RootVolume);
        if (inode == null)
            return Outcome.NoRoom;
        if (record == null && type == InodeType.REG && member.Links > 1)
            Remember(member, inode);
        if (Directories.Add(directory, name, length, inode) == null)
            return Outcome.NoRoom;
        Describe(inode, member);
        if (member.Data != null && member.DataLength > 0 && type is (InodeType.REG or InodeType.LNK))
        {
            inode->Image = member.Data;
            inode->Size = member.DataLength;
            inode->ImageLength = inode->Size;
            KeepsArchive = true;
        }

        return Outcome.Taken;
    }

    private static void Describe(Inode* inode, in CpioMember member)
    {
        inode->Permissions = (ushort)(member.Mode & 0xfff);
        inode->UserId = member.UserId;
        inode->GroupId = member.GroupId;
        inode->DeviceNumber = (member.NodeMajor & 0xfff) << 8 | member.NodeMinor & 0xff;
        inode->ChangeTime = member.ModifyTime * 1_000_000_000UL;
        inode->ModifyTime = inode->ChangeTime;
        inode->AccessTime = inode->ModifyTime;
    }

    private static LinkRecord** BucketOf(in CpioMember member) =>
        &s_links[(member.Number ^ member.DeviceMinor) % Buckets];

    private static LinkRecord* FindLink(in CpioMember member)
    {
        for (LinkRecord* record = *BucketOf(member); record != null; record = record->Next)
            if (record->Number == member.Number && record->DeviceMajor == member.DeviceMajor
                && record->DeviceMinor == member.DeviceMinor)
                return record;
        return null;
    }

    private static void Remember(in CpioMember member, Inode* inode)
    {
        LinkRecord* record = Objects.Allocate<LinkRecord>();
        if (record == null)
            return;     // further names become files of their own
        LinkRecord** bucket = BucketOf(member);
        record->Inode = Vfs.Hold(inode);
        record->Number = member.Number;
        record->DeviceMajor = member.DeviceMajor;
        record->DeviceMinor = member.DeviceMinor;
        record->Next = *bucket;
        *bucket = record;
    }

    /// <summary>An archive has ended: its numbers mean nothing in the next one.</summary>
    internal static void ForgetLinks()
    {
        for (int i = 0; i < Buckets; i++)
        {
            while (s_links[i] != null)
            {
                LinkRecord* record = s_links[i];
                s_links[i] = record->Next;
                Vfs.Release(record->Inode);
                Objects.Free(record);
            }
        }
    }
}
