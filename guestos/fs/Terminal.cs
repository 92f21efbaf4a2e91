using System;
using System.Runtime.InteropServices;
using Board;

namespace Guestos;

/// <summary>
/// The console: the 16550 at 0x3f8 with a line discipline over it. /dev/console, /dev/ttyS0 and /dev/tty are all this
/// one. Input comes by interrupt, output is written at once.
/// </summary>
public static unsafe class Terminal
{
    private const int InterruptLine = 4;
    private const ushort Data = 0x3f8;
    private const ushort InterruptEnable = 0x3f9;
    private const ushort FifoControl = 0x3fa;
    private const ushort ModemControl = 0x3fc;
    private const ushort LineStatus = 0x3fd;

    /// <summary>Bytes moved between user memory and the terminal at a time.</summary>
    private const int Piece = 256;

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort Width;
        public ushort Height;
    }

    /// <summary>struct serial_struct of x86-64 (include/uapi/linux/serial.h); what is not named is 0.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct SerialPort
    {
        /// <summary>PORT_16550A.</summary>
        public const int Uart16550A = 4;

        public int Type;
        public int Line;
        public uint Port;
        public int Interrupt;
        private fixed byte rest[56];
    }

    private const uint CurrentNumber = 0x500;
    private const uint ConsoleNumber = 0x501;
    private const uint SerialNumber = 0x440;

    private static FileOperations s_operations;
    private static LineDiscipline s_line;
    private static WaitQueue s_queue;
    private static WindowSize s_window;

    /// <summary>The session whose controlling terminal this is, 0 for none, and its foreground process group.</summary>
    public static int Session;
    public static int ForegroundGroup;

    // SAFETY (both): non-collected statics never move.
    private static LineDiscipline* Line
    {
        get
        {
            fixed (LineDiscipline* line = &s_line)
                return line;
        }
    }

    public static WaitQueue* Queue
    {
        get
        {
            fixed (WaitQueue* queue = &s_queue)
                return queue;
        }
    }

    public static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Traits = FileTraits.Stream,
        Open = &Open,
        Read = &Read,
        Write = &Write,
        Poll = &Poll,
        QueueOf = &QueueOf,
        Ioctl = &Ioctl,
    };

    /// <summary>Its nodes in /dev.</summary>
    internal static void Register()
    {
        Devices.Register(CurrentNumber, "tty"u8, 0x1b6, Operations);
        Devices.Register(ConsoleNumber, "console"u8, 0x180, Operations);
        Devices.Register(SerialNumber, "ttyS0"u8, 0x180, Operations);
    }

    /// <summary>At boot: a terminal as it is when nobody has said anything.</summary>
    public static void Begin()
    {
        Line->Termios = Termios.Standard;
        s_window = new WindowSize { Rows = 24, Columns = 80 };
        Start();
    }

    /// <summary>
    /// Makes the UART interrupt when a byte arrives: at boot, and again on a machine just arrived at.
    /// </summary>
    public static void Start()
    {
        Interrupts.Register(InterruptLine, &Interrupt);
        Port.Out8(FifoControl, 0x07);       // FIFOs on and empty, trigger at one byte
        Port.Out8(ModemControl, 0x0b);      // DTR, RTS, OUT2: the interrupt reaches the controller
        Port.Out8(InterruptEnable, 0x01);   // received data
    }

    private static void Interrupt()
    {
        bool any = false;
        bool wasStopped = Line->Stopped;
        while ((Port.In8(LineStatus) & 1) != 0)
        {
            Type(Port.In8(Data));
            any = true;
        }

        if (!any)
            return;
        uint events = PollEvents.Moved;
        if (Line->Readable)
            events |= PollEvents.Readable;
        if (wasStopped && !Line->Stopped)
            events |= PollEvents.Writable;
        Readiness.Changed(Queue, events);
    }

    private static void Type(byte value)
    {
        TerminalOutput echo = default;
        Signal signal = Line->Type(value, ref echo);
        Uart.Write(new ReadOnlySpan<byte>(echo.Bytes, echo.Length));
        if (!signal.IsNone && ForegroundGroup != 0)
            Signals.SendGroup(ForegroundGroup, signal);
    }

    private static long Read(File* file, ref Transfer to)
    {
        if (to.Count == 0)
            return 0;
        byte* piece = stackalloc byte[Piece];
        ulong deadline = ulong.MaxValue;
        while (true)
        {
            long error = CheckForeground(Signal.TerminalInput);
            if (error < 0)
                return error;
            bool canonical = (Line->Termios.Local & Termios.Canonical) != 0;
            int minimum = Line->Termios.Characters[Termios.Minimum];
            uint tenths = Line->Termios.Characters[Termios.Time];
            // A raw read waits for VMIN bytes, but not for more than it asked for; VTIME without VMIN is a deadline.
            int least = minimum == 0 && tenths == 0 ? 0 : 1;
            ulong wanted = Math.Min(to.Count, (ulong)Math.Max(minimum, least));
            bool enough = canonical ? Line->Readable : (ulong)Line->Waiting >= wanted;
            if (enough)
                break;
            if (file->NonBlocking)
                return Errno.EAGAIN;
            if (!canonical && tenths != 0 && deadline == ulong.MaxValue && (minimum == 0 || Line->Waiting > 0))
                deadline = Clock.Monotonic + tenths * 100_000_000UL;
            WaitResult result = Readiness.Wait(Queue, PollEvents.Readable | PollEvents.Moved, deadline);
            if (result == WaitResult.Interrupted)
                return Errno.EINTR;
            if (result == WaitResult.TimedOut)
                break;
        }

        ulong done = 0;
        while (to.Count > 0 && Line->Waiting > 0)
        {
            int step = (int)Math.Min(to.Count, Piece);
            if (!to.TryFill((ulong)step, out Span<byte> into))
                return done > 0 ? (long)done : Errno.EFAULT;
            int lineLeft = Line->Available;
            int count = Line->Read(piece, step);
            new ReadOnlySpan<byte>(piece, count).CopyTo(into);
            to.Advance((ulong)count);
            done += (ulong)count;
            bool canonical = (Line->Termios.Local & Termios.Canonical) != 0;
            if (count < step || canonical && (count == lineLeft))
                break;
        }

        return (long)done;
    }

    private static long Write(File* file, ref Transfer from)
    {
        ulong total = from.Count;
        while (from.Count > 0)
        {
            ulong written = total - from.Count;
            if ((Line->Termios.Local & Termios.StopBackground) != 0)
            {
                long error = CheckForeground(Signal.TerminalOutput);
                if (error < 0)
                    return written > 0 ? (long)written : error;
            }

            if (Line->Stopped)
            {
                if (file->NonBlocking)
                    return written > 0 ? (long)written : Errno.EAGAIN;
                if (Readiness.Wait(Queue, PollEvents.Writable, ulong.MaxValue) == WaitResult.Interrupted)
                    return written > 0 ? (long)written : Errno.EINTR;
                continue;
            }

            ulong step = Math.Min(from.Count, Piece);
            if (!from.TryTake(step, out ReadOnlySpan<byte> bytes))
                return written > 0 ? (long)written : Errno.EFAULT;
            TerminalOutput output = default;
            for (int i = 0; i < bytes.Length; i++)
            {
                Line->Write(bytes[i], ref output);
                if (output.Length < TerminalOutput.Capacity - 8)
                    continue;
                Uart.Write(new ReadOnlySpan<byte>(output.Bytes, output.Length));
                output.Length = 0;
            }

            Uart.Write(new ReadOnlySpan<byte>(output.Bytes, output.Length));
            from.Advance(step);
            Preemption.Point();
            if (Signals.Pending)
                break;
        }

        return (long)(total - from.Count);
    }

    private static WaitQueue* QueueOf(File* file) => Queue;

    private static uint Poll(File* file)
    {
        uint events = Line->Stopped ? 0 : PollEvents.Out | PollEvents.WriteNormal;
        return Line->Readable ? events | PollEvents.In | PollEvents.ReadNormal : events;
    }

    /// <summary>
    /// open(2): a session leader without a terminal gets this one, unless it says O_NOCTTY or opens /dev/console.
    /// ENXIO: /dev/tty of a process whose session has no terminal.
    /// </summary>
    private static long Open(File* file)
    {
        uint number = file->Inode->DeviceNumber;
        if (number == CurrentNumber)
            return BelongsToCurrent ? 0 : Errno.ENXIO;
        Process* process = Process.Current;
        bool mayControl = number != ConsoleNumber && (file->Flags & OpenFlags.NOCTTY) == 0;
        if (process != null && mayControl && process->SessionId == process->Id && Session == 0)
            Take(process);
        return 0;
    }

    /// <summary>/dev/tty exists for those whose session has it.</summary>
    public static bool BelongsToCurrent =>
        Process.Current != null && Session != 0 && Process.Current->SessionId == Session;

    /// <summary>
    /// A session's leader has ended: its foreground group hears SIGHUP, and the terminal is free (POSIX "modem
    /// disconnect").
    /// </summary>
    public static void SessionEnded(int session)
    {
        if (session == 0 || session != Session)
            return;
        int group = ForegroundGroup;
        Session = 0;
        ForegroundGroup = 0;
        if (group != 0)
        {
            Signals.SendGroup(group, Signal.HangUp);
            Signals.SendGroup(group, Signal.Continue);
        }
    }

    /// <summary>ioctl_tty(2). Numbers from include/uapi/asm-generic/ioctls.h.</summary>
    private static long Ioctl(File* file, uint request, ulong argument)
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
        const uint GetSerial = 0x541e;
        Process* process = Process.Current;
        switch (request)
        {
            case Get:
                return Give(argument, Line->Termios);
            case Set:
            case SetWait:
            case SetFlush:
                if (!((UserPointer<Termios>)argument).TryGet(out Termios termios))
                    return Errno.EFAULT;
                long error = CheckForeground(Signal.TerminalOutput);
                if (error < 0)
                    return error;
                if (request == SetFlush)
                    Line->FlushInput();
                Line->Change(termios);
                Readiness.Changed(Queue, PollEvents.All);
                return 0;
            case SendBreak:
            case Exclusive:
            case NotExclusive:
                return 0;
            case Flow:
                Line->Stopped = argument == 0 || argument != 1 && Line->Stopped;
                Readiness.Changed(Queue, PollEvents.All);
                return argument <= 3 ? 0 : Errno.EINVAL;
            case Flush:
                if (argument is 0 or 2)
                    Line->FlushInput();
                return argument <= 2 ? 0 : Errno.EINVAL;
            case SetControlling:
                if (Session == process->SessionId && Session == process->Id)
                    return 0;
                if (process->SessionId != process->Id || Session != 0 && (argument != 1 || !FileRights.IsSuperuser))
                    return Errno.EPERM;
                Take(process);
                return 0;
            case NotControlling:
                if (!BelongsToCurrent)
                    return Errno.ENOTTY;
                if (process->SessionId == process->Id)
                    SessionEnded(Session);
                return 0;
            case GetGroup:
                return BelongsToCurrent ? Give(argument, ForegroundGroup) : Errno.ENOTTY;
            case GetSession:
                return BelongsToCurrent ? Give(argument, Session) : Errno.ENOTTY;
            case SetGroup:
                if (!((UserPointer<int>)argument).TryGet(out int group))
                    return Errno.EFAULT;
                if (!BelongsToCurrent)
                    return Errno.ENOTTY;
                error = CheckForeground(Signal.TerminalOutput);
                if (error < 0)
                    return error;
                if (group <= 0)
                    return Errno.EINVAL;
                if (!GroupIsInSession(group, Session))
                    return Errno.EPERM;
                ForegroundGroup = group;
                return 0;
            case GetSerial:     // by its line programs find /dev/ttyS0
                return Give(argument,
                    new SerialPort { Type = SerialPort.Uart16550A, Port = Data, Interrupt = InterruptLine });
            case OutputQueue:
                return Give(argument, 0);
            case InputQueue:
                return Give(argument, Line->Available);
            case GetWindow:
                return Give(argument, s_window);
            case SetWindow:
                if (!((UserPointer<WindowSize>)argument).TryGet(out WindowSize size))
                    return Errno.EFAULT;
                bool changed = size.Rows != s_window.Rows || size.Columns != s_window.Columns;
                s_window = size;
                if (changed && ForegroundGroup != 0)
                    Signals.SendGroup(ForegroundGroup, Signal.WindowChange);
                return 0;
            default:
                return Errno.ENOTTY;
        }
    }

    private static void Take(Process* process)
    {
        Session = process->SessionId;
        ForegroundGroup = process->ProcessGroupId;
    }

    private static long Give<T>(UserPointer<T> to, in T value) where T : unmanaged =>
        to.TryPut(value) ? 0 : Errno.EFAULT;

    private static bool GroupIsInSession(int group, int session)
    {
        for (Process* p = ProcessTable.FirstAfter(0); p != null; p = ProcessTable.FirstAfter(p->Id))
            if (p->ProcessGroupId == group && p->SessionId == session)
                return true;
        return false;
    }

    /// <summary>
    /// Job control: a background process of the terminal's session is stopped by SIGTTIN or SIGTTOU, unless it does not
    /// listen to it: then it may write, and reading is EIO. 0: go on.
    /// </summary>
    private static long CheckForeground(Signal signal)
    {
        Process* process = Process.Current;
        if (process == null || !BelongsToCurrent || ForegroundGroup == 0 || process->ProcessGroupId == ForegroundGroup)
            return 0;
        if (Signals.IsBlockedOrIgnored(Thread.Current, signal))
            return signal == Signal.TerminalInput ? Errno.EIO : 0;
        Signals.SendGroup(process->ProcessGroupId, signal);
        return Errno.EINTR;
    }
}
