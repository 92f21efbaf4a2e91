using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// The registers of a stopped thread as ptrace(2) has them (arch/x86/include/asm/user_64.h). What is stored is checked
/// so that the way to user mode cannot fail: segments are those of 64-bit programs, addresses of code and bases lie in
/// the lower half, and flags are those that user mode may set.
/// </summary>
public static unsafe class TracedRegisters
{
    /// <summary>Words of struct user_regs_struct.</summary>
    public const int Count = 27;

    /// <summary>Bytes of struct user_fpregs_struct: an FXSAVE image (SDM vol. 1 table 10-2).</summary>
    public const int FloatLength = 512;

    private const int ControlAndStatus = 24;
    private const int ControlMask = 28;
    private const int Reserved = 416;

    /// <summary>What a processor without a mask of its own allows in MXCSR (SDM vol. 1 §11.6.6).</summary>
    private const uint DefaultMask = 0xffbf;

    // Places in user_regs_struct.
    private const int Rax = 10;
    private const int Original = 15;
    private const int Rip = 16;
    private const int Cs = 17;
    private const int Flags = 18;
    private const int Ss = 20;
    private const int FsBase = 21;
    private const int GsBase = 22;

    // What Linux has in rax of a call that a signal has interrupted (include/linux/errno.h).
    private const long RestartIfAsked = -512;
    private const long RestartAlways = -513;
    private const long RestartWithoutHandler = -514;
    private const long RestartTimed = -516;

    public static void Get(Thread* thread, ulong* values)
    {
        for (int i = 0; i < Count; i++)
            values[i] = Get(thread, i);
    }

    /// <summary>EIO: a value that is refused, and those before it have been stored.</summary>
    public static long Set(Thread* thread, ulong* values)
    {
        for (int i = 0; i < Count; i++)
        {
            long error = Set(thread, i, values[i]);
            if (error < 0)
                return error;
        }
        return 0;
    }

    /// <summary>One of them, by its place.</summary>
    public static ulong Get(Thread* thread, int index)
    {
        TrapFrame* frame = thread->UserFrame;
        switch (index)
        {
            case Original:
                return OriginalOf(thread);
            case Cs:
                return Descriptors.UserCode;
            case Ss:
                return Descriptors.UserData;
            case Flags:
                return thread->Trace.IsTrapFlagOurs ? frame->Flags & ~FlagsRegister.Trap : frame->Flags;
            case FsBase:
                return thread->FsBase.Address;
            case GsBase:
                return thread->GsBase.Address;
            case Rax:
                return ResultOf(thread);
            default:
                ulong* place = PlaceOf(frame, index);
                return place != null ? *place : 0;
        }
    }

    /// <summary>0 or EIO.</summary>
    public static long Set(Thread* thread, int index, ulong value)
    {
        TrapFrame* frame = thread->UserFrame;
        switch (index)
        {
            case Original:
                SetOriginal(thread, value);
                return 0;
            case Cs:
                return value == Descriptors.UserCode ? 0 : Errno.EIO;
            case Ss:
                return value == Descriptors.UserData ? 0 : Errno.EIO;
            case Flags:
                frame->Flags = value & FlagsRegister.UserSettable | FlagsRegister.Interrupt | FlagsRegister.AlwaysOne;
                return 0;
            case FsBase:
                return SetBase(value, ref thread->FsBase);
            case GsBase:
                return SetBase(value, ref thread->GsBase);
            case Rip when value >= AddressSpace.End:
                return Errno.EIO;
            case Rax:
                frame->Rax = value;
                return 0;
            default:
                ulong* place = PlaceOf(frame, index);
                if (place != null)
                    *place = value;
                return place != null || value == 0 ? 0 : Errno.EIO;
        }
    }

    private static long SetBase(ulong value, ref SegmentBase segment)
    {
        if (!SegmentBase.TryMake(value, out SegmentBase made))
            return Errno.EIO;
        segment = made;
        return 0;
    }

    /// <summary>orig_rax: the number of the system call, −1 outside of one.</summary>
    private static ulong OriginalOf(Thread* thread) =>
        thread->Trace.Stop is TraceStop.SystemCallEntry or TraceStop.SystemCallExit
            ? thread->Trace.Number
            : (ulong)thread->CurrentCall;

    private static void SetOriginal(Thread* thread, ulong value)
    {
        thread->Trace.Number = value;
        if (thread->Trace.Stop == TraceStop.SystemCallEntry)
            return;
        thread->CurrentCall = (long)value < 0 ? -1 : (long)value;
        if ((long)value < 0 || !IsRestart((long)thread->UserFrame->Rax))
            return;
        // A call that a debugger had put aside, and brings back, begins anew as if nothing had come between.
        thread->UserFrame->Vector = TrapFrame.Syscall;
        thread->UserFrame->Rax = unchecked((ulong)Errno.EINTR);
    }

    /// <summary>rax, where a call that is to begin anew has another code than one that has ended.</summary>
    public static ulong ResultOf(Thread* thread)
    {
        TrapFrame* frame = thread->UserFrame;
        bool isInterrupted = frame->Vector == TrapFrame.Syscall && thread->CurrentCall >= 0
            && (long)frame->Rax == Errno.EINTR && thread->Trace.Stop != TraceStop.SystemCallEntry;
        if (!isInterrupted || thread->Trace.Stop == TraceStop.SystemCallExit && !Signals.IsPending(thread))
            return frame->Rax;
        if (thread->RestartsAlways)
            return unchecked((ulong)RestartAlways);
        bool isFutex = (SystemCall)thread->CurrentCall == SystemCall.Futex;
        if (thread->EndsAtHandler && !isFutex)
            return frame->Rax;
        if (Signals.IsRestartable(thread->CurrentCall) && !thread->EndsAtHandler)
            return unchecked((ulong)RestartIfAsked);
        bool isTimed = isFutex || (SystemCall)thread->CurrentCall
            is SystemCall.Nanosleep or SystemCall.ClockNanosleep or SystemCall.Poll;
        return unchecked((ulong)(isTimed ? RestartTimed : RestartWithoutHandler));
    }

    private static bool IsRestart(long value) =>
        value is RestartIfAsked or RestartAlways or RestartWithoutHandler or RestartTimed;

    /// <summary>Null for DS, ES, FS and GS, which are empty in 64-bit programs here.</summary>
    private static ulong* PlaceOf(TrapFrame* frame, int index) => index switch
    {
        0 => &frame->R15,
        1 => &frame->R14,
        2 => &frame->R13,
        3 => &frame->R12,
        4 => &frame->Rbp,
        5 => &frame->Rbx,
        6 => &frame->R11,
        7 => &frame->R10,
        8 => &frame->R9,
        9 => &frame->R8,
        11 => &frame->Rcx,
        12 => &frame->Rdx,
        13 => &frame->Rsi,
        14 => &frame->Rdi,
        Rip => &frame->Rip,
        19 => &frame->Rsp,
        _ => null,
    };

    /// <summary>
    /// x87, MXCSR and XMM registers. The thread is not the current one: its frame has had them completed when it left
    /// the processor.
    /// </summary>
    public static void GetFloats(Thread* thread, byte* image) =>
        Unsafe.CopyBlock(image, thread->UserFrame->Fx, FloatLength);

    /// <summary>0, or EINVAL for bits of MXCSR that FXRSTOR refuses.</summary>
    public static long SetFloats(Thread* thread, byte* image)
    {
        if (!IsControlValid(thread, image))
            return Errno.EINVAL;
        byte* own = thread->UserFrame->Fx;
        uint mask = *(uint*)(own + ControlMask);
        Unsafe.CopyBlock(own, image, Reserved);
        *(uint*)(own + ControlMask) = mask;
        return 0;
    }

    /// <summary>FXRSTOR takes the image's MXCSR.</summary>
    public static bool IsControlValid(Thread* thread, byte* image)
    {
        uint mask = *(uint*)(thread->UserFrame->Fx + ControlMask);
        uint allowed = mask != 0 ? mask : DefaultMask;
        return (*(uint*)(image + ControlAndStatus) & ~allowed) == 0;
    }
}
