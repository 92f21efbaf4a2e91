using System;

namespace Guestos;

/// <summary>The nodes of /dev, and the character devices that need no more than a few lines (Linux Documentation/admin-guide/devices.txt).</summary>
public static unsafe class Devices
{
    private const uint Null = 0x103, Zero = 0x105, Full = 0x107, Random = 0x108, UnpredictableRandom = 0x109, KernelLog = 0x10b;
    private const uint CurrentTerminal = 0x500, Console = 0x501, Serial = 0x440;

    /// <summary>Major 10 (miscellaneous), a minor of the local range.</summary>
    private const uint CheckpointNumber = 0xaf0;

    /// <summary>Builds the device file system.</summary>
    public static void Init()
    {
        Vfs.DeviceRoot = Vfs.NewRoot(Vfs.DeviceVolume);
        Node("null"u8, Null, 0x1b6);
        Node("zero"u8, Zero, 0x1b6);
        Node("full"u8, Full, 0x1b6);
        Node("random"u8, Random, 0x1b6);
        Node("urandom"u8, UnpredictableRandom, 0x1b6);
        Node("kmsg"u8, KernelLog, 0x1b6);
        Node("tty"u8, CurrentTerminal, 0x1b6);
        Node("console"u8, Console, 0x180);
        Node("ttyS0"u8, Serial, 0x180);
        Node("checkpoint"u8, CheckpointNumber, 0x180);
        Link("fd"u8, "/proc/self/fd"u8);
        Link("stdin"u8, "/proc/self/fd/0"u8);
        Link("stdout"u8, "/proc/self/fd/1"u8);
        Link("stderr"u8, "/proc/self/fd/2"u8);
        Directory("shm"u8);
    }

    /// <summary>open(2) of a character device: sets the file's kind. ENXIO for a number nobody answers to.</summary>
    public static long Open(File* file, Inode* inode)
    {
        uint number = inode->Type == InodeType.Character ? inode->DeviceNumber : 0;
        file->Kind = FileKind.Device;
        file->Minor = (byte)number;
        switch (number)
        {
            case Null or Zero or Full or Random or UnpredictableRandom or KernelLog:
                return 0;
            case CurrentTerminal:
                if (!Terminal.BelongsToCurrent)
                    return Errno.NoDevice;
                file->Kind = FileKind.Terminal;
                return 0;
            case Console or Serial:
                file->Kind = FileKind.Terminal;
                Terminal.Opened(file->Flags, number == Console);
                return 0;
            case CheckpointNumber:
                file->Kind = FileKind.None;     // nothing to release when it fails
                long error = CheckpointDevice.Open(file);
                if (error == 0)
                    file->Kind = FileKind.Checkpoint;
                return error;
            default:
                return Errno.NoDevice;
        }
    }

    /// <summary>Those that Linux lets be polled at all.</summary>
    public static bool CanWatch(File* file) => 0x100u + file->Minor is Random or KernelLog;

    public static long Read(File* file, ref Transfer to)
    {
        ulong total = to.Count;
        if (0x100u + file->Minor is Null or KernelLog)
            return 0;
        while (to.Count > 0)
        {
            Span<byte> into = to.Fill(4096);
            if (into.IsEmpty)
                return to.Count < total ? (long)(total - to.Count) : Errno.Fault;
            if (0x100u + file->Minor is Random or UnpredictableRandom)
                Randomness.Fill(into);
            else
                into.Clear();
            to.Advance((ulong)into.Length);
            Scheduler.Breathe();
            if (Signals.Pending)
                break;
        }

        return (long)(total - to.Count);
    }

    public static long Write(File* file, ref Transfer from)
    {
        if (0x100u + file->Minor == Full)
            return Errno.NoSpace;
        if (0x100u + file->Minor == KernelLog)
        {
            if (!from.TryTake(Math.Min(from.Count, 1024), out ReadOnlySpan<byte> text))
                return Errno.Fault;
            Guestos.Console.Write(text);
        }

        return (long)from.Count;
    }

    private static void Node(ReadOnlySpan<byte> name, uint number, uint permissions)
    {
        Inode* inode = Add(name, InodeType.Character, permissions);
        if (inode != null)
            inode->DeviceNumber = number;
    }

    private static void Directory(ReadOnlySpan<byte> name) => Add(name, InodeType.Directory, 0x1ff);

    private static void Link(ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        Inode* inode = Add(name, InodeType.Link, 0x1ff);
        if (inode == null)
            return;
        // SAFETY: literals lie in the image for ever.
        fixed (byte* text = target)
            inode->Image = text;
        inode->ImageLength = inode->Size = (ulong)target.Length;
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
