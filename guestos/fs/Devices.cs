using System;

namespace Guestos;

/// <summary>
/// The character devices: who answers to which number (Linux Documentation/admin-guide/devices.txt), the nodes of /dev,
/// and those devices that need no more than a few lines.
/// </summary>
public static unsafe class Devices
{
    private const uint NullNumber = 0x103;
    private const uint ZeroNumber = 0x105;
    private const uint FullNumber = 0x107;
    private const uint RandomNumber = 0x108;
    private const uint UrandomNumber = 0x109;
    private const uint KmsgNumber = 0x10b;
    private const uint ReadWriteByAll = 0x1b6;
    private const uint ReadableByAll = 0x1a4;
    private const int MaxDevices = 16;

    private struct Numbers
    {
        public fixed uint Of[MaxDevices];
        public fixed ulong Operations[MaxDevices];
    }

    private static Numbers s_numbers;
    private static int s_count;
    private static FileOperations s_null;
    private static FileOperations s_zero;
    private static FileOperations s_full;
    private static FileOperations s_random;
    private static FileOperations s_urandom;
    private static FileOperations s_kmsg;

    /// <summary>Builds the device file system.</summary>
    public static void Init()
    {
        s_count = 0;
        Vfs.DeviceRoot = Vfs.NewRoot(Vfs.DeviceVolume);
        s_null = new FileOperations
        {
            Read = &ReadNothing,
            ReadAt = &ReadNothingAt,
            Write = &Discard,
            WriteAt = &DiscardAt,
        };
        s_zero = new FileOperations
        {
            Traits = FileTraits.MapsZeros,
            Read = &ReadZeros,
            ReadAt = &ReadZerosAt,
            Write = &Discard,
            WriteAt = &DiscardAt,
        };
        s_full = new FileOperations
        {
            Read = &ReadZeros,
            ReadAt = &ReadZerosAt,
            Write = &Refuse,
            WriteAt = &RefuseAt,
        };
        s_random = new FileOperations
        {
            Read = &ReadRandom,
            ReadAt = &ReadRandomAt,
            Write = &Discard,
            WriteAt = &DiscardAt,
            Ioctl = &AskRandom,
        };
        s_urandom = s_random;
        s_random.Traits = FileTraits.Watchable;
        s_kmsg = new FileOperations
        {
            Read = &ReadNothing,
            ReadAt = &ReadNothingAt,
            Write = &Log,
            WriteAt = &LogAt,
        };
        s_kmsg.Traits = FileTraits.Watchable;
        RegisterOwn(NullNumber, "null"u8, ref s_null);
        RegisterOwn(ZeroNumber, "zero"u8, ref s_zero);
        RegisterOwn(FullNumber, "full"u8, ref s_full);
        RegisterOwn(RandomNumber, "random"u8, ref s_random);
        RegisterOwn(UrandomNumber, "urandom"u8, ref s_urandom);
        RegisterOwn(KmsgNumber, "kmsg"u8, ref s_kmsg, ReadableByAll);
        Terminal.Register();
        Link("fd"u8, "/proc/self/fd"u8);
        Link("stdin"u8, "/proc/self/fd/0"u8);
        Link("stdout"u8, "/proc/self/fd/1"u8);
        Link("stderr"u8, "/proc/self/fd/2"u8);
        Directory("shm"u8, FileRights.Sticky | 0x1ff);
    }

    private static void RegisterOwn(
        uint number, ReadOnlySpan<byte> name, ref FileOperations operations, uint permissions = ReadWriteByAll)
    {
        operations.Traits |= FileTraits.Sendable;
        operations.Seek = &Stay;
        Register(number, name, permissions, FileOperations.At(ref operations));
    }

    /// <summary>
    /// Device nodes with this number are opened as this kind of file from now on; makes one in /dev. At boot, once for
    /// each number.
    /// </summary>
    public static void Register(uint number, ReadOnlySpan<byte> name, uint permissions, FileOperations* operations)
    {
        if (s_count == MaxDevices)
            Panic.Stop("too many devices"u8);
        s_numbers.Of[s_count] = number;
        s_numbers.Operations[s_count] = (ulong)operations;
        s_count++;
        Inode* inode = Add(name, InodeType.CHR, permissions);
        if (inode != null)
            inode->DeviceNumber = number;
    }

    /// <summary>How a character device is opened; null: nobody answers to its number (ENXIO).</summary>
    public static FileOperations* OperationsOf(uint number)
    {
        if (PseudoTerminal.IsNumber(number))
            return Terminal.Operations;
        for (int i = 0; i < s_count; i++)
            if (s_numbers.Of[i] == number)
                return (FileOperations*)s_numbers.Operations[i];
        return null;
    }

    private static long Stay(File* file, long offset, uint whence) => 0;

    private static long ReadNothing(File* file, ref Transfer to) => 0;

    private static long ReadNothingAt(File* file, ulong offset, ref Transfer to) => 0;

    private static long ReadZeros(File* file, ref Transfer to) => Fill(ref to, random: false);

    private static long ReadZerosAt(File* file, ulong offset, ref Transfer to) => Fill(ref to, random: false);

    /// <summary>RNDGETENTCNT (random(4)): the bits that are there, as /proc/sys/kernel/random tells them.</summary>
    private static long AskRandom(File* file, uint request, ulong argument)
    {
        const uint getEntropyCount = 0x80045200;
        return request == getEntropyCount ? ((UserPointer<int>)argument).Put(256) : Errno.EINVAL;
    }

    private static long ReadRandom(File* file, ref Transfer to) => Fill(ref to, random: true);

    private static long ReadRandomAt(File* file, ulong offset, ref Transfer to) => Fill(ref to, random: true);

    private static long Fill(ref Transfer to, bool random)
    {
        ulong total = to.Count;
        while (to.Count > 0)
        {
            Span<byte> into = to.Fill(4096);
            if (into.IsEmpty)
                return to.Count < total ? (long)(total - to.Count) : Errno.EFAULT;
            if (random)
                Randomness.Fill(into);
            else
                into.Clear();
            to.Advance((ulong)into.Length);
            Preemption.Point();
            if (Signals.Pending)
                break;
        }

        return (long)(total - to.Count);
    }

    private static long Discard(File* file, ref Transfer from) => (long)from.Count;

    private static long DiscardAt(File* file, ulong offset, ref Transfer from) => (long)from.Count;

    private static long Refuse(File* file, ref Transfer from) => Errno.ENOSPC;

    private static long RefuseAt(File* file, ulong offset, ref Transfer from) => Errno.ENOSPC;

    private static long LogAt(File* file, ulong offset, ref Transfer from) => Log(file, ref from);

    private static long Log(File* file, ref Transfer from)
    {
        if (!from.TryTake(Math.Min(from.Count, 1024), out ReadOnlySpan<byte> text))
            return Errno.EFAULT;
        Console.Write(text);
        return (long)from.Count;
    }

    /// <summary>A directory in /dev, at boot; null without memory.</summary>
    internal static Inode* Directory(ReadOnlySpan<byte> name, uint permissions) =>
        Add(name, InodeType.DIR, permissions);

    private static void Link(ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        Inode* inode = Add(name, InodeType.LNK, 0x1ff);
        if (inode == null)
            return;
        // SAFETY: literals lie in the image for ever.
        fixed (byte* text = target)
            inode->Image = text;
        inode->Size = (ulong)target.Length;
        inode->ImageLength = inode->Size;
    }

    private static Inode* Add(ReadOnlySpan<byte> name, InodeType type, uint permissions)
    {
        Inode* inode = Vfs.NewInode(type, permissions, Vfs.DeviceVolume);
        if (inode == null)
            return null;
        fixed (byte* text = name)
            Directories.Add(Vfs.DeviceRoot, text, name.Length, inode);
        Vfs.Release(inode);
        return inode;
    }
}
