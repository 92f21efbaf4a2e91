using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>getdents(2) and getdents64(2).</summary>
public static unsafe class DirectoryCalls
{
    /// <summary>
    /// Bytes of both records around the name: struct linux_dirent64 has its type before, struct linux_dirent behind
    /// (getdents(2)).
    /// </summary>
    private const int Head64 = 19;
    private const int HeadOld = 18;
    private const int MaxRecordSize = Head64 + Directories.MaxNameLength + 8;

    private struct Output
    {
        public UserPointer<byte> To;
        public ulong Left;
        public bool Old;
        public bool Fault;
    }

    /// <summary>Records from the file's position on; 0 at the end. EINVAL when not even one fits.</summary>
    public static long Read(File* file, UserPointer<byte> buffer, ulong count, bool old)
    {
        if (file == null || file->IsPath)
            return Errno.EBADF;
        if (!DirectoryFile.Is(file))
            return Errno.ENOTDIR;
        if ((uint)count > int.MaxValue)
            return Errno.EINVAL;
        count = Math.Min(count, 1 << 20);
        var output = new Output { To = buffer, Left = count, Old = old };
        Inode* directory = file->Inode;
        bool more = true;
        if (file->Position == 0)
        {
            byte dot = (byte)'.';
            more = Add(ref output, directory->Number, 1, InodeType.DIR, &dot, 1);
            if (more)
                file->Position = 1;
        }

        if (more && file->Position == 1)
        {
            byte* dots = stackalloc byte[2];
            dots[0] = (byte)'.';
            dots[1] = (byte)'.';
            Place parent = PathWalk.ParentOf(file->Place);
            ulong number = parent.Inode != null ? parent.Inode->Number : directory->Number;
            more = Add(ref output, number, 2, InodeType.DIR, dots, 2);
            parent.Drop();
            if (more)
                file->Position = 2;
        }

        if (more)
            more = directory->Operations->NextEntry != null ? AddMade(ref output, file) : AddNames(ref output, file);

        Inotify.Report(directory, FileEvent.Access);
        ulong used = count - output.Left;
        if (used == 0 && output.Fault)
            return Errno.EFAULT;
        return used == 0 && !more ? Errno.EINVAL : (long)used;
    }

    /// <summary>Names that are made when they are asked for. False: not all of them fit.</summary>
    private static bool AddMade(ref Output output, File* file)
    {
        DirectoryRecord record = default;
        while (file->Inode->Operations->NextEntry(file->Inode, file->Position, &record))
        {
            if (!Add(ref output, record.Number, record.Cookie, record.Type, record.Name, record.NameLength))
                return false;
            file->Position = record.Cookie;
        }

        return true;
    }

    /// <summary>Names that are kept in memory. False: not all of them fit.</summary>
    private static bool AddNames(ref Output output, File* file)
    {
        DirectoryEntry* entry = Directories.After(file->Inode, file->Position);
        for (; entry != null; entry = entry->Next)
        {
            if (!Add(ref output, entry->Inode->Number, entry->Cookie, entry->Inode->Type, entry->Name,
                entry->NameLength))
                return false;
            file->Position = entry->Cookie;
        }

        return true;
    }

    private static bool Add(ref Output output, ulong number, ulong cookie, InodeType type, byte* name, int length)
    {
        // The name's zero, and in the old form the type behind it; then up to a multiple of eight.
        int head = output.Old ? HeadOld : Head64;
        int tail = output.Old ? 2 : 1;
        int size = (head + length + tail + 7) & ~7;
        if ((ulong)size > output.Left)
            return false;
        byte kind = (byte)((int)type >> 12);    // DT_* are the type bits of the mode
        Span<byte> room = stackalloc byte[MaxRecordSize];
        Span<byte> record = room.Slice(0, size);
        record.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(record, number);
        BinaryPrimitives.WriteUInt64LittleEndian(record.Slice(8), cookie);
        BinaryPrimitives.WriteUInt16LittleEndian(record.Slice(16), (ushort)size);
        record[output.Old ? size - 1 : 18] = kind;
        new ReadOnlySpan<byte>(name, length).CopyTo(record.Slice(head));
        if (!output.To.TryPutAll(record))
        {
            output.Fault = true;
            return false;
        }

        output.To = output.To.At((ulong)size);
        output.Left -= (ulong)size;
        return true;
    }
}
