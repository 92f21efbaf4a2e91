using System;

namespace Guestos;

/// <summary>signalfd(2): a reader takes its own pending signals of a set as bytes, instead of by a handler.</summary>
public static unsafe class SignalFile
{
    /// <summary>struct signalfd_siginfo (include/uapi/linux/signalfd.h).</summary>
    public const int RecordSize = 128;

    private static FileOperations s_operations;

    private static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Name = &Name,
        Release = &Release,
        Read = &Read,
        Poll = &Poll,
        QueueOf = &QueueOf,
    };

    public static bool Is(File* file) => file->Operations == Operations;

    private static ReadOnlySpan<byte> Name() => "anon_inode:[signalfd]"u8;

    private struct State
    {
        public WaitQueue Queue;

        /// <summary>As a sigset_t.</summary>
        public ulong Signals;
        public State* Next;
        public State* Previous;
    }

    /// <summary>All of them. While there are some, <see cref="Signals.Noted"/> tells of every signal.</summary>
    private static State* s_first;

    /// <summary>A new open file; null: ENFILE.</summary>
    public static File* Create(ulong signals, uint flags)
    {
        State* state = Objects.Allocate<State>();
        if (state == null)
            return null;
        File* file = Files.Allocate(Operations, OpenFlags.RDWR | flags & OpenFlags.NONBLOCK);
        if (file == null)
        {
            Objects.Free(state);
            return null;
        }

        state->Signals = signals & ~Signals.KillAndStop;
        state->Next = s_first;
        if (s_first != null)
            s_first->Previous = state;
        s_first = state;
        Signals.Noted = &Noted;
        file->Object = state;
        return file;
    }

    /// <summary>Another set of signals from now on.</summary>
    public static void Set(File* file, ulong signals)
    {
        var state = (State*)file->Object;
        state->Signals = signals & ~Signals.KillAndStop;
        Readiness.Changed(&state->Queue, PollEvents.In);
    }

    /// <summary>A signal was sent to some thread: wakes all that wait for it, and each looks for its own.</summary>
    private static void Noted(Signal signal)
    {
        for (State* state = s_first; state != null; state = state->Next)
            if (signal.IsIn(state->Signals))
                Readiness.Changed(&state->Queue, PollEvents.In);
    }

    private static ulong ReadyOf(State* state) => Signals.PendingOf(Thread.Current) & state->Signals;

    private static long Read(File* file, ref Transfer to)
    {
        var state = (State*)file->Object;
        if (to.Count < RecordSize)
            return Errno.EINVAL;
        while (ReadyOf(state) == 0)
        {
            if (file->NonBlocking)
                return Errno.EAGAIN;
            if (Readiness.Wait(&state->Queue, PollEvents.In, ulong.MaxValue) == WaitResult.Interrupted
                && ReadyOf(state) == 0)
                return Errno.EINTR;
        }

        long done = 0;
        byte* taken = stackalloc byte[RecordSize];
        while (to.Count >= RecordSize && ReadyOf(state) != 0)
        {
            if (!to.TryFill(RecordSize, out Span<byte> into))
                return done > 0 ? done : Errno.EFAULT;
            Signals.Take(Thread.Current, Signal.LowestOf(ReadyOf(state)), taken);
            Translate((int*)taken, into);
            to.Advance(RecordSize);
            done += RecordSize;
        }

        return done;
    }

    // Words of 4 bytes of a siginfo_t (include/uapi/asm-generic/siginfo.h).
    private const int NumberWord = 0;
    private const int CodeWord = 2;
    private const int PidWord = 4;
    private const int UidWord = 5;
    private const int StatusWord = 6;
    private const int ValueWord = 6;
    private const int BandWord = 4;
    private const int DescriptorWord = 6;

    /// <summary>It tells of a descriptor (F_SETSIG): the codes of SIGIO, whatever signal stands for it.</summary>
    private static bool IsReadiness(int number, int code)
    {
        const int maxCode = 6;  // POLL_HUP
        const int firstRealTime = 32;
        return code is > 0 and <= maxCode && (number == Signal.Io.Number || number >= firstRealTime);
    }

    private static void Translate(int* information, Span<byte> to)
    {
        to.Clear();
        int code = information[CodeWord];
        Put(to, 0, information[NumberWord]);
        Put(to, 8, code);
        if (IsReadiness(information[NumberWord], code))
        {
            Put(to, 20, information[DescriptorWord]);
            Put(to, 28, information[BandWord]);
            return;
        }

        bool isFault = code > 0 && code != SignalCode.Kernel && information[NumberWord] != Signal.Child.Number;
        if (isFault)
        {
            Put(to, 72, information[PidWord]);
            Put(to, 76, information[UidWord]);
            return;
        }

        Put(to, 12, information[PidWord]);
        Put(to, 16, information[UidWord]);
        if (information[NumberWord] == Signal.Child.Number && code > 0)
            Put(to, 40, information[StatusWord]);
        else if (code == SignalCode.Timer)
        {
            Put(to, 12, 0);
            Put(to, 16, 0);
            Put(to, 24, information[PidWord]);
            Put(to, 32, information[UidWord]);
        }
        if (code < 0)
        {
            Put(to, 44, information[ValueWord]);
            Put(to, 48, information[ValueWord]);
            Put(to, 52, information[ValueWord + 1]);
        }
    }

    private static void Put(Span<byte> to, int at, int value) =>
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(to.Slice(at), value);

    private static uint Poll(File* file) => ReadyOf((State*)file->Object) != 0 ? PollEvents.In : 0;

    private static WaitQueue* QueueOf(File* file) => &((State*)file->Object)->Queue;

    private static void Release(File* file)
    {
        var state = (State*)file->Object;
        if (state->Previous != null)
            state->Previous->Next = state->Next;
        else
            s_first = state->Next;
        if (state->Next != null)
            state->Next->Previous = state->Previous;
        if (s_first == null)
            Signals.Noted = null;
        Objects.Free(state);
    }
}
