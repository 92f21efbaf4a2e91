using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>
/// A terminal: a line discipline, who controls it and who waits for it. What is behind it, a UART or another program,
/// is in <see cref="ConsoleTerminal"/> and <see cref="PseudoTerminal"/>. /dev/tty is that of the session of who opens
/// it.
/// </summary>
public unsafe struct Terminal
{
    /// <summary>Bytes moved between user memory and the terminal at a time.</summary>
    private const int Piece = 256;

    /// <summary>What one byte of output may become (a tab).</summary>
    public const int MaxExpansion = 8;

    [StructLayout(LayoutKind.Sequential)]
    public struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort Width;
        public ushort Height;
    }

    private const uint CurrentNumber = 0x500;

    private static FileOperations s_operations;

    /// <summary>All of them.</summary>
    private static Terminal* s_first;

    public LineDiscipline Line;

    /// <summary>Of its node in /dev: major &lt;&lt; 8 | minor.</summary>
    public uint DeviceNumber;
    public WaitQueue Queue;
    public WindowSize Window;

    /// <summary>The session whose controlling terminal this is, 0 for none, and its foreground process group.</summary>
    public int Session;
    public int ForegroundGroup;

    /// <summary>Open files of it that have not been hung up, and all.</summary>
    public int Opens;
    public int Holders;

    /// <summary>How often it has been hung up: files that were opened before are dead.</summary>
    public long HangUps;

    /// <summary>Takes output. May be called by an interrupt handler, for echoes.</summary>
    public delegate*<Terminal*, ReadOnlySpan<byte>, void> Put;

    /// <summary>How many bytes it takes now. Null: any number.</summary>
    public delegate*<Terminal*, int> Room;

    /// <summary>Something has been read. Null: nothing to do.</summary>
    public delegate*<Terminal*, void> WasRead;

    /// <summary>A file of it was closed, which need not be the last. Null: nothing to do.</summary>
    public delegate*<Terminal*, void> WasClosed;

    /// <summary>Drops the output that nobody has seen yet. Null: there is none.</summary>
    public delegate*<Terminal*, void> Discard;

    /// <summary>ioctl(2) that only this kind has. Null: ENOTTY.</summary>
    public delegate*<Terminal*, uint, ulong, long> DriverIoctl;
    private Terminal* next;
    private Terminal* previous;

    public static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
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

    /// <summary>Nodes in /dev, at boot.</summary>
    internal static void Register()
    {
        s_first = null;
        Devices.Register(CurrentNumber, "tty"u8, 0x1b6, Operations);
        ConsoleTerminal.Register();
        PseudoTerminal.Register();
    }

    /// <summary>A new terminal, in memory that is all zeros.</summary>
    public static void Begin(Terminal* terminal)
    {
        terminal->Line.Termios = Termios.Standard;
        terminal->next = s_first;
        if (s_first != null)
            s_first->previous = terminal;
        s_first = terminal;
    }

    /// <summary>Undoes <see cref="Begin"/>.</summary>
    public static void End(Terminal* terminal)
    {
        if (terminal->previous != null)
            terminal->previous->next = terminal->next;
        else
            s_first = terminal->next;
        if (terminal->next != null)
            terminal->next->previous = terminal->previous;
    }

    /// <summary>The controlling terminal of a session; null: it has none.</summary>
    public static Terminal* OfSession(int session)
    {
        Terminal* terminal = session != 0 ? s_first : null;
        while (terminal != null && terminal->Session != session)
            terminal = terminal->next;
        return terminal;
    }

    internal static Terminal* Of(File* file) => (Terminal*)file->Object;

    private static bool IsHungUp(File* file) => file->Handle != Of(file)->HangUps;

    /// <summary>A byte has come from outside. Called by interrupt handlers, too.</summary>
    public static void Type(Terminal* terminal, byte value)
    {
        TerminalOutput echo = default;
        Signal signal = terminal->Line.Type(value, ref echo);
        bool discards = !signal.IsNone && (terminal->Line.Termios.Local & Termios.NoFlush) == 0;
        if (discards && terminal->Discard != null)
            terminal->Discard(terminal);
        if (echo.Length > 0)
            terminal->Put(terminal, new ReadOnlySpan<byte>(echo.Bytes, echo.Length));
        if (!signal.IsNone && terminal->ForegroundGroup != 0)
            Signals.SendGroup(terminal->ForegroundGroup, signal);
    }

    /// <summary>Bytes have been typed: whoever waits is told.</summary>
    public static void Typed(Terminal* terminal, bool wasStopped)
    {
        uint events = PollEvents.Moved;
        if (terminal->Line.Readable)
            events |= PollEvents.Readable;
        if (wasStopped && !terminal->Line.Stopped)
            events |= PollEvents.Writable;
        Readiness.Changed(&terminal->Queue, events);
    }

    private static long Read(File* file, ref Transfer to)
    {
        Terminal* terminal = Of(file);
        if (to.Count == 0)
            return 0;
        byte* piece = stackalloc byte[Piece];
        ulong deadline = ulong.MaxValue;
        while (true)
        {
            if (IsHungUp(file))
                return 0;
            long error = CheckForeground(terminal, Signal.TerminalInput);
            if (error < 0)
                return error;
            bool canonical = (terminal->Line.Termios.Local & Termios.Canonical) != 0;
            int minimum = terminal->Line.Termios.Characters[Termios.Minimum];
            uint tenths = terminal->Line.Termios.Characters[Termios.Time];
            // A raw read waits for VMIN bytes, but not for more than it asked for; VTIME without VMIN is a deadline.
            int least = minimum == 0 && tenths == 0 ? 0 : 1;
            ulong wanted = Math.Min(to.Count, (ulong)Math.Max(minimum, least));
            bool enough = canonical ? terminal->Line.Readable : (ulong)terminal->Line.Waiting >= wanted;
            if (enough)
                break;
            if (file->NonBlocking)
                return Errno.EAGAIN;
            if (!canonical && tenths != 0 && deadline == ulong.MaxValue && (minimum == 0 || terminal->Line.Waiting > 0))
                deadline = Clock.Monotonic + tenths * 100_000_000UL;
            WaitResult result = Readiness.Wait(&terminal->Queue, PollEvents.Readable | PollEvents.Moved, deadline);
            if (result == WaitResult.Interrupted)
                return Errno.EINTR;
            if (result == WaitResult.TimedOut)
                break;
        }

        ulong done = 0;
        while (to.Count > 0 && terminal->Line.Waiting > 0)
        {
            int step = (int)Math.Min(to.Count, Piece);
            if (!to.TryFill((ulong)step, out Span<byte> into))
                return done > 0 ? (long)done : Errno.EFAULT;
            int lineLeft = terminal->Line.Available;
            int count = terminal->Line.Read(piece, step);
            new ReadOnlySpan<byte>(piece, count).CopyTo(into);
            to.Advance((ulong)count);
            done += (ulong)count;
            bool canonical = (terminal->Line.Termios.Local & Termios.Canonical) != 0;
            if (count < step || canonical && (count == lineLeft))
                break;
        }

        if (done > 0 && terminal->WasRead != null)
            terminal->WasRead(terminal);
        return (long)done;
    }

    private static long Write(File* file, ref Transfer from)
    {
        Terminal* terminal = Of(file);
        ulong total = from.Count;
        while (from.Count > 0)
        {
            ulong written = total - from.Count;
            if (IsHungUp(file))
                return written > 0 ? (long)written : Errno.EIO;
            if ((terminal->Line.Termios.Local & Termios.StopBackground) != 0)
            {
                long error = CheckForeground(terminal, Signal.TerminalOutput);
                if (error < 0)
                    return written > 0 ? (long)written : error;
            }

            int room = RoomOf(terminal);
            if (room == 0)
            {
                if (file->NonBlocking)
                    return written > 0 ? (long)written : Errno.EAGAIN;
                if (Readiness.Wait(&terminal->Queue, PollEvents.Writable, ulong.MaxValue) == WaitResult.Interrupted)
                    return written > 0 ? (long)written : Errno.EINTR;
                continue;
            }

            ulong step = Math.Min(from.Count, (ulong)Math.Min(room, Piece));
            if (!from.TryTake(step, out ReadOnlySpan<byte> bytes))
                return written > 0 ? (long)written : Errno.EFAULT;
            TerminalOutput output = default;
            for (int i = 0; i < bytes.Length; i++)
            {
                terminal->Line.Write(bytes[i], ref output);
                if (output.Length < TerminalOutput.Capacity - 8)
                    continue;
                terminal->Put(terminal, new ReadOnlySpan<byte>(output.Bytes, output.Length));
                output.Length = 0;
            }

            terminal->Put(terminal, new ReadOnlySpan<byte>(output.Bytes, output.Length));
            from.Advance(step);
            Preemption.Point();
            if (Signals.Pending)
                break;
        }

        return (long)(total - from.Count);
    }

    /// <summary>How many bytes may be written now: what each becomes has room.</summary>
    private static int RoomOf(Terminal* terminal)
    {
        if (terminal->Line.Stopped)
            return 0;
        return terminal->Room == null ? int.MaxValue : terminal->Room(terminal) / MaxExpansion;
    }

    private static WaitQueue* QueueOf(File* file) => &Of(file)->Queue;

    private static uint Poll(File* file)
    {
        Terminal* terminal = Of(file);
        if (IsHungUp(file))
            return PollEvents.Readable | PollEvents.Writable | PollEvents.Error | PollEvents.HangUp;
        uint events = RoomOf(terminal) > 0 ? PollEvents.Out | PollEvents.WriteNormal : 0;
        return terminal->Line.Readable ? events | PollEvents.In | PollEvents.ReadNormal : events;
    }

    /// <summary>
    /// open(2): a session leader without a terminal gets this one, unless it says O_NOCTTY or opens /dev/console.
    /// ENXIO: /dev/tty of a process whose session has no terminal; EIO: a pseudo-terminal that cannot be opened (yet).
    /// </summary>
    private static long Open(File* file)
    {
        uint number = file->Inode->DeviceNumber;
        Process* process = Process.Current;
        Terminal* terminal = number switch
        {
            CurrentNumber => process != null ? OfSession(process->SessionId) : null,
            ConsoleTerminal.ConsoleNumber or ConsoleTerminal.SerialNumber => ConsoleTerminal.Terminal,
            _ => PseudoTerminal.Find(number),
        };
        if (terminal == null)
            return number == CurrentNumber ? Errno.ENXIO : Errno.EIO;
        Attach(terminal, file);
        bool mayControl = number is not (CurrentNumber or ConsoleTerminal.ConsoleNumber)
            && (file->Flags & OpenFlags.NOCTTY) == 0;
        if (process != null && mayControl && process->SessionId == process->Id && terminal->Session == 0
            && OfSession(process->SessionId) == null)
            Take(terminal, process);
        return 0;
    }

    /// <summary>The file is one of this terminal from now on.</summary>
    public static void Attach(Terminal* terminal, File* file)
    {
        file->Object = terminal;
        file->Handle = terminal->HangUps;
        terminal->Opens++;
        terminal->Holders++;
    }

    private static void Release(File* file)
    {
        Terminal* terminal = Of(file);
        if (terminal == null)
            return;
        if (!IsHungUp(file))
            terminal->Opens--;
        terminal->Holders--;
        if (terminal->WasClosed != null)
            terminal->WasClosed(terminal);
    }

    /// <summary>
    /// Files that are open on it read end of file from now on (POSIX "modem disconnect"). The session's leader and the
    /// foreground process group are sent SIGHUP, and it is no session's controlling terminal any more.
    /// </summary>
    public static void HangUp(Terminal* terminal)
    {
        terminal->HangUps++;
        terminal->Opens = 0;
        Process* leader = terminal->Session != 0 ? ProcessTable.Find(terminal->Session) : null;
        if (leader != null)
        {
            Signals.Send(leader, Signal.HangUp);
            Signals.Send(leader, Signal.Continue);
        }

        LeaveSession(terminal);
        Readiness.Changed(&terminal->Queue, PollEvents.All);
    }

    /// <summary>Its session goes on without it: the foreground group hears SIGHUP.</summary>
    private static void LeaveSession(Terminal* terminal)
    {
        int group = terminal->ForegroundGroup;
        terminal->Session = 0;
        terminal->ForegroundGroup = 0;
        if (group == 0)
            return;
        Signals.SendGroup(group, Signal.HangUp);
        Signals.SendGroup(group, Signal.Continue);
    }

    /// <summary>A session's leader has ended: its terminal is free.</summary>
    public static void SessionEnded(int session)
    {
        Terminal* terminal = OfSession(session);
        if (terminal != null)
            LeaveSession(terminal);
    }

    private static bool BelongsToCurrent(Terminal* terminal) =>
        Process.Current != null && terminal->Session != 0 && Process.Current->SessionId == terminal->Session;

    private static long Ioctl(File* file, uint request, ulong argument)
    {
        const uint setGroup = 0x5410;
        if (!IsHungUp(file))
            return Control(Of(file), request, argument);
        return request == setGroup ? Errno.ENOTTY : Errno.EIO;
    }

    /// <summary>ioctl_tty(2). Numbers from include/uapi/asm-generic/ioctls.h.</summary>
    internal static long Control(Terminal* terminal, uint request, ulong argument)
    {
        const uint Get = 0x5401;
        const uint Set = 0x5402;
        const uint SetWait = 0x5403;
        const uint SetFlush = 0x5404;
        const uint SendBreak = 0x5409;
        const uint Flow = 0x540a;
        const uint Flush = 0x540b;
        const uint Exclusive = 0x540c;
        const uint NotExclusive = 0x540d;
        const uint SetControlling = 0x540e;
        const uint GetGroup = 0x540f;
        const uint SetGroup = 0x5410;
        const uint OutputQueue = 0x5411;
        const uint GetWindow = 0x5413;
        const uint SetWindow = 0x5414;
        const uint InputQueue = 0x541b;
        const uint NotControlling = 0x5422;
        const uint GetSession = 0x5429;
        Process* process = Process.Current;
        switch (request)
        {
            case Get:
                return Give(argument, terminal->Line.Termios);
            case Set:
            case SetWait:
            case SetFlush:
                if (!((UserPointer<Termios>)argument).TryGet(out Termios termios))
                    return Errno.EFAULT;
                long error = CheckForeground(terminal, Signal.TerminalOutput);
                if (error < 0)
                    return error;
                if (request == SetFlush)
                    terminal->Line.FlushInput();
                terminal->Line.Change(termios);
                Readiness.Changed(&terminal->Queue, PollEvents.All);
                return 0;
            case SendBreak:
            case Exclusive:
            case NotExclusive:
                return 0;
            case Flow:
                terminal->Line.Stopped = argument == 0 || argument != 1 && terminal->Line.Stopped;
                Readiness.Changed(&terminal->Queue, PollEvents.All);
                return argument <= 3 ? 0 : Errno.EINVAL;
            case Flush:
                if (argument is 0 or 2)
                    terminal->Line.FlushInput();
                return argument <= 2 ? 0 : Errno.EINVAL;
            case SetControlling:
                if (terminal->Session == process->SessionId && terminal->Session == process->Id)
                    return 0;
                bool steals = argument == 1 && Permissions.Has(Capability.SYS_ADMIN);
                if (process->SessionId != process->Id || OfSession(process->SessionId) != null
                    || terminal->Session != 0 && !steals)
                    return Errno.EPERM;
                Take(terminal, process);
                return 0;
            case NotControlling:
                if (!BelongsToCurrent(terminal))
                    return Errno.ENOTTY;
                if (process->SessionId == process->Id)
                    LeaveSession(terminal);
                return 0;
            case GetGroup:
                return BelongsToCurrent(terminal) ? Give(argument, terminal->ForegroundGroup) : Errno.ENOTTY;
            case GetSession:
                return BelongsToCurrent(terminal) ? Give(argument, terminal->Session) : Errno.ENOTTY;
            case SetGroup:
                if (!((UserPointer<int>)argument).TryGet(out int group))
                    return Errno.EFAULT;
                if (!BelongsToCurrent(terminal))
                    return Errno.ENOTTY;
                error = CheckForeground(terminal, Signal.TerminalOutput);
                if (error < 0)
                    return error;
                if (group <= 0)
                    return Errno.EINVAL;
                error = CheckGroup(group, terminal->Session);
                if (error < 0)
                    return error;
                terminal->ForegroundGroup = group;
                return 0;
            case OutputQueue:
                return Give(argument, 0);
            case InputQueue:
                return Give(argument, terminal->Line.Available);
            case GetWindow:
                return Give(argument, terminal->Window);
            case SetWindow:
                if (!((UserPointer<WindowSize>)argument).TryGet(out WindowSize size))
                    return Errno.EFAULT;
                bool changed = size.Rows != terminal->Window.Rows || size.Columns != terminal->Window.Columns;
                terminal->Window = size;
                if (changed && terminal->ForegroundGroup != 0)
                    Signals.SendGroup(terminal->ForegroundGroup, Signal.WindowChange);
                return 0;
            default:
                return terminal->DriverIoctl != null
                    ? terminal->DriverIoctl(terminal, request, argument)
                    : Errno.ENOTTY;
        }
    }

    private static void Take(Terminal* terminal, Process* process)
    {
        terminal->Session = process->SessionId;
        terminal->ForegroundGroup = process->ProcessGroupId;
    }

    private static long Give<T>(UserPointer<T> to, in T value) where T : unmanaged =>
        to.TryPut(value) ? 0 : Errno.EFAULT;

    /// <summary>0, ESRCH when there is no such group, EPERM when it is in another session.</summary>
    private static long CheckGroup(int group, int session)
    {
        long error = Errno.ESRCH;
        for (Process* p = ProcessTable.FirstAfter(0); p != null; p = ProcessTable.FirstAfter(p->Id))
        {
            if (p->ProcessGroupId == group && p->SessionId == session)
                return 0;
            if (p->ProcessGroupId == group)
                error = Errno.EPERM;
        }

        return error;
    }

    /// <summary>
    /// Job control: a background process of the terminal's session is stopped by SIGTTIN or SIGTTOU, unless it does not
    /// listen to it: then it may write, and reading is EIO. EIO, too, when nobody could continue it. 0: go on.
    /// </summary>
    private static long CheckForeground(Terminal* terminal, Signal signal)
    {
        Process* process = Process.Current;
        int foreground = terminal->ForegroundGroup;
        if (process == null || !BelongsToCurrent(terminal) || foreground == 0 || process->ProcessGroupId == foreground)
            return 0;
        if (Signals.IsBlockedOrIgnored(Thread.Current, signal))
            return signal == Signal.TerminalInput ? Errno.EIO : 0;
        if (Processes.IsOrphanedGroup(process->ProcessGroupId))
            return Errno.EIO;
        Signals.SendGroup(process->ProcessGroupId, signal);
        return Errno.EINTR;
    }
}
