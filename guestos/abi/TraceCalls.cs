using System;

namespace Guestos;

/// <summary>ptrace(2): from registers to <see cref="Tracing"/>, <see cref="TracedRegisters"/> and memory.</summary>
internal static unsafe class TraceCalls
{
    // include/uapi/linux/ptrace.h, arch/x86/include/uapi/asm/ptrace-abi.h
    private const uint TraceMe = 0;
    private const uint PeekText = 1;
    private const uint PeekData = 2;
    private const uint PeekUser = 3;
    private const uint PokeText = 4;
    private const uint PokeData = 5;
    private const uint PokeUser = 6;
    private const uint Continue = 7;
    private const uint Kill = 8;
    private const uint SingleStep = 9;
    private const uint GetRegisters = 12;
    private const uint SetRegisters = 13;
    private const uint GetFloats = 14;
    private const uint SetFloats = 15;
    private const uint Attach = 16;
    private const uint Detach = 17;
    private const uint ToSystemCall = 24;
    private const uint OldSetOptions = 21;
    private const uint SetOptions = 0x4200;
    private const uint GetEventMessage = 0x4201;
    private const uint GetInformation = 0x4202;
    private const uint SetInformation = 0x4203;
    private const uint GetRegisterSet = 0x4204;
    private const uint SetRegisterSet = 0x4205;
    private const uint Seize = 0x4206;
    private const uint Interrupt = 0x4207;
    private const uint Listen = 0x4208;
    private const uint GetMask = 0x420a;
    private const uint SetMask = 0x420b;
    private const uint GetSystemCall = 0x420e;

    /// <summary>NT_PRSTATUS, NT_FPREGSET and NT_X86_XSTATE (include/uapi/linux/elf.h).</summary>
    private const ulong GeneralSet = 1;
    private const ulong FloatSet = 2;
    private const ulong ExtendedSet = 0x202;

    /// <summary>struct user, and where its debug registers are (arch/x86/include/asm/user_64.h).</summary>
    private const ulong UserLength = 928;
    private const ulong DebugRegisters = 848;

    private struct Vector
    {
        public ulong Base;
        public ulong Length;
    }

    /// <summary>struct ptrace_syscall_info.</summary>
    private struct SystemCallInformation
    {
        public byte Operation;
        public byte Padding0;
        public ushort Padding1;
        public uint Architecture;
        public ulong InstructionPointer;
        public ulong StackPointer;
        public ulong Number;
        public fixed ulong Arguments[6];
    }

    private const uint ArchitectureX64 = 0xc000003e;
    private const ulong LengthWithoutCall = 24;
    private const ulong LengthOfEntry = 80;
    private const ulong LengthOfExit = 33;

    public static long Call(ulong request, ulong id, ulong address, ulong data)
    {
        if (request == TraceMe)
            return Tracing.TraceMe();
        Thread* thread = (int)id > 0 ? Threads.Find((int)id) : null;
        if (thread == null)
            return Errno.ESRCH;
        if (request == Attach)
            return Tracing.Attach(thread, false, 0);
        if (request == Seize)
        {
            if (address != 0 || (data & ~(ulong)Tracing.KnownOptions) != 0)
                return Errno.EIO;
            return Tracing.Attach(thread, true, (uint)data);
        }
        if (thread->Trace.Tracer != Thread.Current || thread->State == ThreadState.Ended)
            return Errno.ESRCH;
        if (request == Kill)
        {
            Signals.Send(thread->Process, Signal.Kill);
            return 0;
        }
        if (request == Interrupt)
        {
            if (!thread->Trace.IsSeized)
                return Errno.EIO;
            Tracing.Interrupt(thread);
            return 0;
        }
        if (thread->State != ThreadState.Traced || thread->Trace.IsListening)
            return Errno.ESRCH;
        return OfStopped(thread, request, address, data);
    }

    private static long OfStopped(Thread* thread, ulong request, ulong address, ulong data)
    {
        switch (request)
        {
            case PeekText or PeekData:
                return Peek(thread, address, data);
            case PokeText or PokeData:
                return Poke(thread, address, data);
            case PeekUser:
                return PeekUserArea(thread, address, data);
            case PokeUser:
                return PokeUserArea(thread, address, data);
            case Continue:
                return Resume(thread, TraceMode.Continue, data);
            case ToSystemCall:
                return Resume(thread, TraceMode.SystemCall, data);
            case SingleStep:
                return Resume(thread, TraceMode.Step, data);
            case Detach:
                if (!Signal.TryMakeOrNone(data, out Signal last))
                    return Errno.EIO;
                Tracing.Detach(thread, last);
                return 0;
            case GetRegisters:
                return Registers(thread, GeneralSet, data, LengthOf(GeneralSet), false);
            case SetRegisters:
                return Registers(thread, GeneralSet, data, LengthOf(GeneralSet), true);
            case GetFloats:
                return Registers(thread, FloatSet, data, LengthOf(FloatSet), false);
            case SetFloats:
                return Registers(thread, FloatSet, data, LengthOf(FloatSet), true);
            case GetRegisterSet or SetRegisterSet:
                return RegisterSet(thread, address, data, request == SetRegisterSet);
            case SetOptions or OldSetOptions:
                if ((data & ~(ulong)Tracing.KnownOptions) != 0)
                    return Errno.EINVAL;
                thread->Trace.Options = (uint)data;
                return 0;
            case GetEventMessage:
                return ((UserPointer<ulong>)data).Put(thread->Trace.Message);
            case GetInformation or SetInformation:
                return Information(thread, data, request == SetInformation);
            case GetMask or SetMask:
                return Mask(thread, address, data, request == SetMask);
            case GetSystemCall:
                return DescribeCall(thread, address, data);
            case Listen:
                if (!thread->Trace.IsSeized || thread->Trace.Code >> 8 != Tracing.EventStop)
                    return Errno.EIO;
                Tracing.Listen(thread);
                return 0;
            default:
                return Errno.EIO;
        }
    }

    private static long Resume(Thread* thread, TraceMode mode, ulong data)
    {
        if (!Signal.TryMakeOrNone(data, out Signal signal))
            return Errno.EIO;
        Tracing.Resume(thread, mode, signal);
        return 0;
    }

    // ---- memory ----

    /// <summary>
    /// A tracee whose identity has changed since keeps its memory to itself, unless its tracer has CAP_SYS_PTRACE.
    /// </summary>
    private static AddressSpace* SpaceOf(Thread* thread) =>
        Permissions.Has(Capability.SYS_PTRACE) || !thread->Process->IsUndumpable ? thread->Process->Space : null;

    private static long Peek(Thread* thread, ulong address, UserPointer<ulong> to)
    {
        ulong word = 0;
        return Copy(thread, address, new Span<byte>(&word, sizeof(ulong)), false) ? to.Put(word) : Errno.EIO;
    }

    private static long Poke(Thread* thread, ulong address, ulong word) =>
        Copy(thread, address, new Span<byte>(&word, sizeof(ulong)), true) ? 0 : Errno.EIO;

    /// <summary>A word, which may lie in two pages.</summary>
    private static bool Copy(Thread* thread, ulong address, Span<byte> bytes, bool write)
    {
        AddressSpace* space = SpaceOf(thread);
        if (space == null)
            return false;
        while (!bytes.IsEmpty)
        {
            int step = (int)Math.Min((ulong)bytes.Length, Frames.Size - address % Frames.Size);
            if (!AddressSpace.TryReach(space, address, write, out byte* there))
                return false;
            // SAFETY: the step does not pass the end of the page, which is there now.
            var page = new Span<byte>(there, step);
            if (write)
                bytes.Slice(0, step).CopyTo(page);
            else
                page.CopyTo(bytes);
            bytes = bytes.Slice(step);
            address += (ulong)step;
        }
        return true;
    }

    // ---- registers ----

    private static long PeekUserArea(Thread* thread, ulong offset, UserPointer<ulong> to)
    {
        if (offset % sizeof(ulong) != 0 || offset >= UserLength)
            return Errno.EIO;
        bool isRegister = offset < TracedRegisters.Count * sizeof(ulong);
        return to.Put(isRegister ? TracedRegisters.Get(thread, (int)(offset / sizeof(ulong))) : 0);
    }

    /// <summary>Debug registers are not there: they may be cleared.</summary>
    private static long PokeUserArea(Thread* thread, ulong offset, ulong value)
    {
        if (offset % sizeof(ulong) != 0 || offset >= UserLength)
            return Errno.EIO;
        if (offset < TracedRegisters.Count * sizeof(ulong))
            return TracedRegisters.Set(thread, (int)(offset / sizeof(ulong)), value);
        return offset >= DebugRegisters && value == 0 ? 0 : Errno.EIO;
    }

    private static ulong LengthOf(ulong kind) => (ulong)(kind switch
    {
        GeneralSet => TracedRegisters.Count * sizeof(ulong),
        FloatSet => TracedRegisters.FloatLength,
        _ => TracedExtendedState.Length,
    });

    /// <summary>The first <paramref name="length"/> bytes of a set: to the tracer, or from it.</summary>
    private static long Registers(Thread* thread, ulong kind, UserPointer<byte> at, ulong length, bool isSet)
    {
        byte* image = stackalloc byte[TracedExtendedState.Length];     // the largest
        if (kind == GeneralSet)
            TracedRegisters.Get(thread, (ulong*)image);
        else if (kind == FloatSet)
            TracedRegisters.GetFloats(thread, image);
        else
            TracedExtendedState.Get(thread, image);
        var given = new Span<byte>(image, (int)length);
        bool isDone = isSet ? at.TryGetAll(given) : at.TryPutAll(given);
        if (!isDone)
            return Errno.EFAULT;
        if (!isSet)
            return 0;
        return kind switch
        {
            GeneralSet => TracedRegisters.Set(thread, (ulong*)image),
            FloatSet => TracedRegisters.SetFloats(thread, image),
            _ => TracedExtendedState.Set(thread, image),
        };
    }

    private static long RegisterSet(Thread* thread, ulong kind, UserPointer<Vector> at, bool isSet)
    {
        if (!at.TryGet(out Vector vector))
            return Errno.EFAULT;
        if (kind is not (GeneralSet or FloatSet or ExtendedSet) || vector.Length % sizeof(ulong) != 0)
            return Errno.EINVAL;
        ulong length = Math.Min(vector.Length, LengthOf(kind));
        if (kind == ExtendedSet && !FloatState.HasUpper)
            return Errno.ENODEV;
        // That one is stored whole or not at all.
        if (kind == ExtendedSet && isSet && length != LengthOf(kind))
            return Errno.EFAULT;
        long result = Registers(thread, kind, vector.Base, length, isSet);
        if (result < 0)
            return result;
        vector.Length = length;
        return at.Put(vector);
    }

    // ---- what else there is to know ----

    private static long Information(Thread* thread, UserPointer<byte> at, bool isSet)
    {
        if (!thread->Trace.HasInformation)
            return Errno.EINVAL;
        var own = new Span<byte>(thread->Trace.Information, Trace.InformationLength);
        bool isDone = isSet ? at.TryGetAll(own) : at.TryPutAll(own);
        return isDone ? 0 : Errno.EFAULT;
    }

    private static long Mask(Thread* thread, ulong length, UserPointer<ulong> at, bool isSet)
    {
        if (length != sizeof(ulong))
            return Errno.EINVAL;
        if (!isSet)
            return at.Put(thread->RestoreMask ? thread->SavedMask : thread->BlockedSignals);
        if (!at.TryGet(out ulong mask))
            return Errno.EFAULT;
        thread->BlockedSignals = mask & ~Signals.KillAndStop;
        return 0;
    }

    /// <summary>PTRACE_GET_SYSCALL_INFO: how many bytes there are to tell.</summary>
    private static long DescribeCall(Thread* thread, ulong capacity, UserPointer<byte> to)
    {
        TrapFrame* frame = thread->UserFrame;
        var told = new SystemCallInformation
        {
            Architecture = ArchitectureX64,
            InstructionPointer = frame->Rip,
            StackPointer = frame->Rsp,
        };
        ulong length = LengthWithoutCall;
        if (thread->Trace.Stop == TraceStop.SystemCallEntry)
        {
            length = LengthOfEntry;
            told.Operation = 1;
            told.Number = thread->Trace.Number;
            told.Arguments[0] = frame->Rdi;
            told.Arguments[1] = frame->Rsi;
            told.Arguments[2] = frame->Rdx;
            told.Arguments[3] = frame->R10;
            told.Arguments[4] = frame->R8;
            told.Arguments[5] = frame->R9;
        }
        else if (thread->Trace.Stop == TraceStop.SystemCallExit)
        {
            const long lastError = -4095;
            length = LengthOfExit;
            told.Operation = 2;
            told.Number = TracedRegisters.ResultOf(thread);
            told.Arguments[0] = (long)told.Number is < 0 and >= lastError ? 1ul : 0;
        }
        ulong copied = Math.Min(capacity, length);
        return to.TryPutAll(new ReadOnlySpan<byte>(&told, (int)copied)) ? (long)length : Errno.EFAULT;
    }
}
