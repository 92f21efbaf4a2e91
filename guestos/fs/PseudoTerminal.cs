using System;

namespace Guestos;

/// <summary>
/// A pseudo-terminal (pty(7)): /dev/pts/N is a terminal, and what would be its line is the master, which opening
/// /dev/ptmx makes. Both go when both have been closed; the name goes with the master.
/// </summary>
internal unsafe struct PseudoTerminal
{
    private const uint MasterNumber = 0x502;

    /// <summary>Major numbers 136 to 143, as Linux has them.</summary>
    private const uint FirstNumber = 0x8800;
    private const uint NumberCount = 0x800;

    /// <summary>Bytes of output that the master has not read.</summary>
    private const int Capacity = 4096;

    /// <summary>The first field, so that its address is that of the whole.</summary>
    public Terminal Terminal;

    /// <summary>Who waits for output, or for room to type.</summary>
    public WaitQueue MasterQueue;
    public PseudoTerminal* Next;
    public uint Number;

    /// <summary>TIOCSPTLCK: the terminal cannot be opened yet.</summary>
    public bool Locked;
    public bool HasMaster;

    /// <summary>TIOCPKT: what the master reads begins with a byte that tells its kind, which is 0: output.</summary>
    public bool Packets;

    /// <summary>The terminal has been open: when it is not, the master finds its end.</summary>
    public bool WasOpened;
    private ulong read;
    private ulong written;
    private fixed byte output[Capacity];

    /// <summary>By number.</summary>
    private static PseudoTerminal* s_first;
    private static FileOperations s_operations;
    private static Inode* s_directory;

    private static int FrameCount => (sizeof(PseudoTerminal) + Frames.Size - 1) / Frames.Size;

    /// <summary>At boot: /dev/ptmx and /dev/pts.</summary>
    internal static void Register()
    {
        s_first = null;
        s_operations = new FileOperations
        {
            Traits = FileTraits.Stream,
            Open = &Open,
            Release = &Release,
            Read = &Read,
            Write = &Write,
            Poll = &Poll,
            QueueOf = &QueueOf,
            Ioctl = &Ioctl,
        };
        Devices.Register(MasterNumber, "ptmx"u8, 0x1b6, FileOperations.At(ref s_operations));
        s_directory = Devices.Directory("pts"u8, 0x1ed);
    }

    /// <summary>/dev/pts, which is there from the beginning; null without memory.</summary>
    public static Inode* Directory => s_directory;

    public static bool IsNumber(uint number) => number - FirstNumber < NumberCount;

    /// <summary>
    /// The terminal with this device number, for somebody who opens it: from now on it counts as opened. Null if it may
    /// not be.
    /// </summary>
    public static Terminal* Find(uint number)
    {
        PseudoTerminal* pair = s_first;
        while (pair != null && pair->Number != number - FirstNumber)
            pair = pair->Next;
        if (pair == null || pair->Locked || !pair->HasMaster)
            return null;
        pair->WasOpened = true;
        return &pair->Terminal;
    }

    private static PseudoTerminal* Of(File* master) => (PseudoTerminal*)master->Object;

    /// <summary>ENOSPC: there are too many, or no memory.</summary>
    private static long Open(File* file)
    {
        uint number = 0;
        PseudoTerminal* before = null;
        for (PseudoTerminal* other = s_first; other != null && other->Number == number; other = other->Next)
        {
            before = other;
            number++;
        }

        ulong frames = number < NumberCount ? Frames.AllocateContiguous(FrameCount) : 0;
        if (frames == 0)
            return Errno.ENOSPC;
        var pair = (PseudoTerminal*)DirectMap.At(frames);
        new Span<byte>(pair, FrameCount * Frames.Size).Clear();
        pair->Number = number;
        if (!Name(pair))
        {
            Free(pair);
            return Errno.ENOSPC;
        }

        pair->Next = before != null ? before->Next : s_first;
        if (before != null)
            before->Next = pair;
        else
            s_first = pair;
        pair->Locked = true;
        pair->HasMaster = true;
        Terminal.Begin(&pair->Terminal);
        pair->Terminal.DeviceNumber = FirstNumber + number;
        pair->Terminal.Put = &Put;
        pair->Terminal.Room = &Room;
        pair->Terminal.WasRead = &WasRead;
        pair->Terminal.WasClosed = &WasClosed;
        pair->Terminal.Discard = &Discard;
        file->Object = pair;
        return 0;
    }

    private static void Free(PseudoTerminal* pair)
    {
        ulong frames = DirectMap.PhysicalOf(pair);
        for (int i = 0; i < FrameCount; i++)
            Frames.Release(frames + (ulong)(i * Frames.Size));
    }

    /// <summary>Makes /dev/pts/N, which belongs to who has made the pair. False without memory.</summary>
    private static bool Name(PseudoTerminal* pair)
    {
        const uint permissions = 0x190;     // 0620
        Inode* inode = s_directory != null
            ? Vfs.NewInode(InodeType.CHR, permissions, Vfs.DeviceVolume)
            : null;
        if (inode == null)
            return false;
        inode->DeviceNumber = FirstNumber + pair->Number;
        byte* name = stackalloc byte[20];
        int length = ProcTree.Decimal(name, pair->Number);
        bool added = Directories.Add(s_directory, name, length, inode) != null;
        Vfs.Release(inode);
        return added;
    }

    private static void Unname(PseudoTerminal* pair)
    {
        byte* name = stackalloc byte[20];
        int length = ProcTree.Decimal(name, pair->Number);
        DirectoryEntry* entry = Directories.Find(s_directory, name, length);
        if (entry != null && entry->Inode->DeviceNumber == FirstNumber + pair->Number)
            Directories.Remove(entry);
    }

    // ---- the terminal's line ----

    private readonly int Space => Capacity - (int)(written - read);

    private static int Room(Terminal* terminal) => ((PseudoTerminal*)terminal)->Space;

    /// <summary>Output, and echoes: what finds no room is lost, which only happens to echoes.</summary>
    private static void Put(Terminal* terminal, ReadOnlySpan<byte> bytes)
    {
        var pair = (PseudoTerminal*)terminal;
        int count = Math.Min(bytes.Length, pair->Space);
        for (int i = 0; i < count; i++)
        {
            pair->output[pair->written % Capacity] = bytes[i];
            pair->written++;
        }

        Readiness.Changed(&pair->MasterQueue, PollEvents.Readable);
    }

    private static void WasRead(Terminal* terminal) =>
        Readiness.Changed(&((PseudoTerminal*)terminal)->MasterQueue, PollEvents.Writable);

    private static void WasClosed(Terminal* terminal)
    {
        var pair = (PseudoTerminal*)terminal;
        if (terminal->Opens == 0)
            Readiness.Changed(&pair->MasterQueue, PollEvents.All);
        EndIfUnused(pair);
    }

    private static void Discard(Terminal* terminal)
    {
        var pair = (PseudoTerminal*)terminal;
        pair->read = pair->written;
        Readiness.Changed(&terminal->Queue, PollEvents.Writable);
    }

    private static void EndIfUnused(PseudoTerminal* pair)
    {
        if (pair->HasMaster || pair->Terminal.Holders > 0)
            return;
        PseudoTerminal* before = s_first;
        if (before == pair)
            s_first = pair->Next;
        else
        {
            while (before->Next != pair)
                before = before->Next;
            before->Next = pair->Next;
        }

        Terminal.End(&pair->Terminal);
        Free(pair);
    }

    // ---- the master ----

    private static bool IsAtEnd(PseudoTerminal* pair) => pair->WasOpened && pair->Terminal.Opens == 0;

    private static long Read(File* file, ref Transfer to)
    {
        PseudoTerminal* pair = Of(file);
        if (to.Count == 0)
            return 0;
        while (pair->written == pair->read)
        {
            if (IsAtEnd(pair))
                return Errno.EIO;
            if (file->NonBlocking)
                return Errno.EAGAIN;
            if (Readiness.Wait(&pair->MasterQueue, PollEvents.Readable, ulong.MaxValue) == WaitResult.Interrupted)
                return Errno.EINTR;
        }

        int head = pair->Packets ? 1 : 0;
        if (pair->Packets)
        {
            if (!to.TryFill(1, out Span<byte> kind))
                return Errno.EFAULT;
            kind[0] = 0;
            to.Advance(1);
        }

        ulong count = Math.Min(to.Count, pair->written - pair->read);
        if (count == 0)
            return head;
        Span<byte> into = to.Fill(count);
        if (into.IsEmpty)
            return Errno.EFAULT;
        for (int i = 0; i < into.Length; i++)
        {
            into[i] = pair->output[pair->read % Capacity];
            pair->read++;
        }

        to.Advance((ulong)into.Length);
        Readiness.Changed(&pair->Terminal.Queue, PollEvents.Writable);
        return into.Length + head;
    }

    /// <summary>
    /// Who types waits while there is something to be read, and no room for more. What cannot be read yet, a line that
    /// is too long, is cut.
    /// </summary>
    private static bool MayType(PseudoTerminal* pair) =>
        pair->Terminal.Line.Waiting < LineDiscipline.Capacity - 1 || !pair->Terminal.Line.Readable;

    private static long Write(File* file, ref Transfer from)
    {
        PseudoTerminal* pair = Of(file);
        ulong total = from.Count;
        while (from.Count > 0)
        {
            long typed = (long)(total - from.Count);
            if (!MayType(pair))
            {
                if (file->NonBlocking)
                    return typed > 0 ? typed : Errno.EAGAIN;
                if (Readiness.Wait(&pair->MasterQueue, PollEvents.Writable, ulong.MaxValue) == WaitResult.Interrupted)
                    return typed > 0 ? typed : Errno.EINTR;
                continue;
            }

            ReadOnlySpan<byte> bytes = from.Take(256);
            if (bytes.IsEmpty)
                return typed > 0 ? typed : Errno.EFAULT;
            bool wasStopped = pair->Terminal.Line.Stopped;
            int count = 0;
            while (count < bytes.Length && MayType(pair))
            {
                Terminal.Type(&pair->Terminal, bytes[count]);
                count++;
            }

            from.Advance((ulong)count);
            Terminal.Typed(&pair->Terminal, wasStopped);
            Preemption.Point();
        }

        return (long)total;
    }

    private static uint Poll(File* file)
    {
        PseudoTerminal* pair = Of(file);
        uint events = pair->written != pair->read ? PollEvents.Readable : 0;
        if (IsAtEnd(pair))
            events |= PollEvents.HangUp;
        return MayType(pair) ? events | PollEvents.Writable : events;
    }

    private static WaitQueue* QueueOf(File* file) => &Of(file)->MasterQueue;

    /// <summary>Requests that are the master's alone (ioctl_tty(2)); the others are the terminal's.</summary>
    private static long Ioctl(File* file, uint request, ulong argument)
    {
        const uint getNumber = 0x80045430;
        const uint setLock = 0x40045431;
        const uint getLock = 0x80045439;
        const uint setPackets = 0x5420;
        const uint getPackets = 0x80045438;
        const uint getGroup = 0x540f;
        const uint getSession = 0x5429;
        PseudoTerminal* pair = Of(file);
        UserPointer<int> at = argument;
        switch (request)
        {
            case getNumber:
                return at.Put((int)pair->Number);
            case setLock:
                if (!at.TryGet(out int locks))
                    return Errno.EFAULT;
                pair->Locked = locks != 0;
                return 0;
            case getLock:
                return at.Put(pair->Locked ? 1 : 0);
            case setPackets:
                if (!at.TryGet(out int packets))
                    return Errno.EFAULT;
                pair->Packets = packets != 0;
                return 0;
            case getPackets:
                return at.Put(pair->Packets ? 1 : 0);
            case FileIoctl.BytesReadable:
                return at.Put((int)(pair->written - pair->read));
            case getGroup:
                return at.Put(pair->Terminal.ForegroundGroup);
            case getSession:
                return pair->Terminal.Session == 0 ? Errno.ENOTTY : at.Put(pair->Terminal.Session);
            default:
                return Terminal.Control(&pair->Terminal, request, argument);
        }
    }

    private static void Release(File* file)
    {
        PseudoTerminal* pair = Of(file);
        if (pair == null)
            return;
        pair->HasMaster = false;
        Unname(pair);
        Terminal.HangUp(&pair->Terminal);
        EndIfUnused(pair);
    }
}
