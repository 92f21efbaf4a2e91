using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct sigcontext of x86-64 (arch/x86/include/uapi/asm/sigcontext.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SignalContext
{
    public ulong R8;
    public ulong R9;
    public ulong R10;
    public ulong R11;
    public ulong R12;
    public ulong R13;
    public ulong R14;
    public ulong R15;
    public ulong Rdi;
    public ulong Rsi;
    public ulong Rbp;
    public ulong Rbx;
    public ulong Rdx;
    public ulong Rax;
    public ulong Rcx;
    public ulong Rsp;
    public ulong Rip;
    public ulong Flags;
    public ushort Cs;
    public ushort Gs;
    public ushort Fs;
    public ushort Ss;
    public ulong ErrorCode;
    public ulong Vector;
    public ulong OldMask;
    public ulong Cr2;
    public ulong FloatState;
    public fixed ulong Reserved[8];
}

/// <summary>struct rt_sigframe of x86-64: what a signal handler finds on its stack.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SignalFrame
{
    /// <summary>The handler returns to it: the C library's call of rt_sigreturn.</summary>
    public ulong ReturnAddress;

    // struct ucontext
    public ulong ContextFlags;
    public ulong ContextLink;
    public ulong StackAddress;
    public uint StackFlags;
    public uint StackPadding;
    public ulong StackSize;
    public SignalContext Context;
    public ulong Mask;

    /// <summary>siginfo_t.</summary>
    public fixed byte Information[128];
}

public static unsafe partial class Signals
{
    /// <summary>UC_SIGCONTEXT_SS and UC_STRICT_RESTORE_SS: the frame's ss is to be restored.</summary>
    private const ulong ContextFlags = 6;
    private const ulong RedZone = 128;
    private const uint StackInUse = 1;
    private const uint StackDisabled = 2;

    /// <summary>Signals of faults: delivered before others, so that their handlers see the fault's registers.</summary>
    private static ulong Faults =>
        Signal.SegmentationFault.Bit | Signal.Bus.Bit | Signal.IllegalInstruction.Bit | Signal.FloatingPoint.Bit
        | Signal.Trap.Bit;

    /// <summary>
    /// Delivers one pending signal of the current thread, on the way to user mode: runs its handler, ends or stops the
    /// process, or does nothing. Restarts the interrupted system call where nothing but the signal says that it ended.
    /// </summary>
    internal static void Deliver(TrapFrame* frame)
    {
        Thread* thread = Thread.Current;
        Process* process = thread->Process;
        if (thread->Trace.Traps != TraceTraps.None && !Killed)
        {
            Tracing.RunTraps(thread);
            if (!IsPending(thread))
                GoOnWithCall(thread, frame);
            return;
        }
        if (Ready(thread) == 0)
        {
            thread->BlockedSignals = thread->SavedMask;
            thread->RestoreMask = false;
            return;
        }
        Signal signal = FirstOf(thread);
        byte* information = stackalloc byte[128];
        Take(thread, signal, information);
        if (thread->Trace.Tracer != null && signal != Signal.Kill)
        {
            signal = AskTracer(thread, signal, information);
            if (signal.IsNone)
            {
                if (!IsPending(thread))
                    GoOnWithCall(thread, frame);
                return;
            }
        }
        SignalAction* action = SignalActions.Of(process->Actions, signal);
        bool interrupted = IsInterrupted(thread, frame);
        if (action->Handler > SignalAction.Ignore && signal != Signal.Kill && signal != Signal.Stop)
        {
            if (interrupted && (MayRestart(thread, thread->CurrentCall, *action) || thread->RestartsAlways))
                RestartCall(thread, frame);
            thread->RestartsAlways = false;
            Tracing.RemoveTrapFlag(thread);
            SignalAction copy = *action;
            if ((copy.Flags & SignalAction.ResetHandler) != 0)
                action->Handler = SignalAction.Default;
            if (!PushFrame(thread, frame, signal, information, copy))
            {
                // No room for the frame is SIGSEGV itself; if this was SIGSEGV's own frame, the process ends.
                if (signal == Signal.SegmentationFault)
                    action->Handler = SignalAction.Default;
                Fault(thread, Signal.SegmentationFault, SignalCode.Kernel, 0);
            }
            else
                Tracing.EndStepAtHandler(thread);
            return;
        }
        GoOnWithCall(thread, frame);
        bool isIgnored = action->Handler == SignalAction.Ignore && !signal.IsIn(KillAndStop);
        if (isIgnored || signal.IsIn(IgnoredByDefault))
            return;
        if (signal.IsIn(StopSignals))
        {
            bool isForced = signal == Signal.Stop || process->State == ProcessState.Stopped;
            if (isForced || !Processes.IsOrphanedGroup(process->ProcessGroupId))
                Processes.StopCurrent(signal);
            return;
        }
        Processes.Exit(signal.Number | (signal.IsIn(Dumping) ? 0x80 : 0));
    }

    /// <summary>What the tracer makes of a signal. None: it is not delivered, or not yet.</summary>
    private static Signal AskTracer(Thread* thread, Signal signal, byte* information)
    {
        Signal chosen = Tracing.StopForSignal(thread, signal, information);
        if (chosen.IsNone || !chosen.IsIn(thread->BlockedSignals))
            return chosen;
        var kept = new SignalInformation
        {
            Error = *(int*)(information + 4),
            Code = *(int*)(information + 8),
            First = *(ulong*)(information + 16),
            Second = *(ulong*)(information + 24),
        };
        PendingSignals.Add(&thread->Pending, thread->Process, chosen, kept);
        return Signal.None;
    }

    /// <summary>A signal has ended the system call that is behind this frame.</summary>
    private static bool IsInterrupted(Thread* thread, TrapFrame* frame) =>
        frame->Vector == TrapFrame.Syscall && thread->CurrentCall >= 0 && (long)frame->Rax == Errno.EINTR;

    /// <summary>Nothing else is to be done for what has ended a system call: it begins anew.</summary>
    private static void GoOnWithCall(Thread* thread, TrapFrame* frame)
    {
        if (!IsInterrupted(thread, frame))
            return;
        RestartCall(thread, frame);
        thread->Restarted = true;
    }

    /// <summary>
    /// Which signal is delivered next: SIGKILL, then those sent to the thread, then those sent to its process; of each
    /// faults first, then by number.
    /// </summary>
    private static Signal FirstOf(Thread* thread)
    {
        ulong ready = Ready(thread);
        if (Signal.Kill.IsIn(ready))
            return Signal.Kill;
        ulong own = ready & thread->Pending.Set;
        if (own != 0)
            ready = own;
        return Signal.LowestOf((ready & Faults) != 0 ? ready & Faults : ready);
    }

    /// <summary>SYSCALL is two bytes long; rax is the number again. Not a second time.</summary>
    internal static void RestartCall(Thread* thread, TrapFrame* frame)
    {
        frame->Rax = (ulong)thread->CurrentCall;
        frame->Rip -= 2;
        thread->CurrentCall = -1;
    }

    /// <summary>
    /// The result of a call whose wait until a deadline (ulong.MaxValue: none) a signal has ended: EINTR. Sockets with
    /// SO_RCVTIMEO or SO_SNDTIMEO and FUTEX_WAIT with a time limit do not begin anew behind a handler.
    /// </summary>
    internal static long Interrupted(ulong deadline)
    {
        Thread.Current->EndsAtHandler = deadline != ulong.MaxValue;
        return Errno.EINTR;
    }

    /// <summary>Whether a handler with these flags has a call of the thread begin anew.</summary>
    private static bool MayRestart(Thread* thread, long number, in SignalAction action) =>
        (action.Flags & SignalAction.Restart) != 0 && IsRestartable(number) && !thread->EndsAtHandler;

    /// <summary>System calls that SA_RESTART begins anew (signal(7)); the others return EINTR.</summary>
    internal static bool IsRestartable(long number) => (SystemCall)number
        is SystemCall.Read or SystemCall.Write or SystemCall.Readv or SystemCall.Writev
        or SystemCall.Pread64 or SystemCall.Pwrite64 or SystemCall.Preadv or SystemCall.Pwritev
        or SystemCall.Preadv2 or SystemCall.Pwritev2 or SystemCall.Sendfile or SystemCall.Splice
        or SystemCall.Tee or SystemCall.Vmsplice or SystemCall.Ioctl or SystemCall.Fcntl
        or SystemCall.Flock or SystemCall.Open or SystemCall.Openat or SystemCall.Openat2
        or SystemCall.Creat
        or SystemCall.Connect or SystemCall.Accept or SystemCall.Accept4 or SystemCall.Sendto
        or SystemCall.Recvfrom or SystemCall.Sendmsg or SystemCall.Recvmsg or SystemCall.Sendmmsg
        or SystemCall.Recvmmsg or SystemCall.Clone or SystemCall.Wait4 or SystemCall.Waitid
        or SystemCall.MqTimedsend or SystemCall.MqTimedreceive or SystemCall.Futex;

    private static bool PushFrame(
        Thread* thread, TrapFrame* frame, Signal signal, byte* information, in SignalAction action)
    {
        if (thread->Restarted && !MayRestart(thread, (long)frame->Rax, action))
        {
            // A signal without a handler had begun the call anew; with this one's handler in between it has ended.
            // With SA_RESTART it begins anew behind the handler.
            thread->Restarted = false;
            frame->Rip += 2;
            frame->Rax = unchecked((ulong)Errno.EINTR);
        }
        ulong stack = frame->Rsp - RedZone;
        if ((action.Flags & SignalAction.OnStack) != 0 && AlternateStackFlags(thread, frame->Rsp) == 0)
            stack = thread->AlternateStack + thread->AlternateStackSize;
        ulong floats = (stack - SignalFloats.Bytes) & ~63UL;
        ulong at = ((floats - (ulong)sizeof(SignalFrame)) & ~15UL) - 8;
        if (at > floats || (action.Flags & SignalAction.Restorer) == 0)
            return false;
        SignalFrame made = default;
        SignalFrame* user = &made;
        user->ReturnAddress = action.RestorerAddress;
        user->ContextFlags = ContextFlags | SignalFloats.ContextFlag;
        user->StackAddress = thread->AlternateStack;
        user->StackSize = thread->AlternateStackSize;
        user->StackFlags = AlternateStackFlags(thread, frame->Rsp);
        SaveRegisters(&user->Context, frame);
        user->Context.FloatState = floats;
        user->Context.OldMask = thread->RestoreMask ? thread->SavedMask : thread->BlockedSignals;
        user->Mask = user->Context.OldMask;
        Unsafe.CopyBlock(user->Information, information, 128);
        FloatState.Save(frame);
        if (!SignalFloats.TryPut(frame, floats) || !((UserPointer<SignalFrame>)at).TryPut(made))
            return false;

        thread->RestoreMask = false;
        thread->BlockedSignals |= action.Mask & ~KillAndStop;
        if ((action.Flags & SignalAction.NoDefer) == 0)
            thread->BlockedSignals |= signal.Bit;
        frame->Rip = action.Handler;
        frame->Rsp = at;
        frame->Rdi = (ulong)signal.Number;
        frame->Rsi = at + (ulong)(user->Information - (byte*)user);
        frame->Rdx = at + (ulong)((byte*)&user->ContextFlags - (byte*)user);
        frame->Rax = 0;
        frame->Flags &= ~(FlagsRegister.Direction | FlagsRegister.Trap);
        frame->Cs = Descriptors.UserCode;
        frame->Ss = Descriptors.UserData;
        TrapFrame.ResetFloats(frame);
        FloatState.ClearUpper(frame);
        FloatState.Load(frame);
        thread->CurrentCall = -1;
        return frame->Rip < 1UL << 47;
    }

    /// <summary>That a stack pointer lies on the thread's alternate stack (sigaltstack(2)).</summary>
    internal static bool IsOnAlternateStack(Thread* thread, ulong stack) =>
        thread->AlternateStackSize != 0 && stack > thread->AlternateStack
        && stack - thread->AlternateStack <= thread->AlternateStackSize;

    /// <summary>ss_flags of sigaltstack(2), with this stack pointer: SS_DISABLE, SS_ONSTACK, or 0.</summary>
    internal static uint AlternateStackFlags(Thread* thread, ulong stack)
    {
        if (thread->AlternateStackSize == 0)
            return StackDisabled;
        return IsOnAlternateStack(thread, stack) ? StackInUse : 0;
    }

    /// <summary>Fills a siginfo_t.</summary>
    private static void WriteInformation(byte* to, Signal signal, in SignalInformation information)
    {
        Unsafe.InitBlock(to, 0, 128);
        *(int*)to = signal.Number;
        *(int*)(to + 4) = information.Error;
        *(int*)(to + 8) = information.Code;
        *(ulong*)(to + 16) = information.First;
        *(ulong*)(to + 24) = information.Second;
    }

    private static void SaveRegisters(SignalContext* to, TrapFrame* from)
    {
        to->R8 = from->R8;
        to->R9 = from->R9;
        to->R10 = from->R10;
        to->R11 = from->R11;
        to->R12 = from->R12;
        to->R13 = from->R13;
        to->R14 = from->R14;
        to->R15 = from->R15;
        to->Rdi = from->Rdi;
        to->Rsi = from->Rsi;
        to->Rbp = from->Rbp;
        to->Rbx = from->Rbx;
        to->Rdx = from->Rdx;
        to->Rax = from->Rax;
        to->Rcx = from->Rcx;
        to->Rsp = from->Rsp;
        to->Rip = from->Rip;
        to->Flags = from->Flags;
        to->Cs = Descriptors.UserCode;
        to->Ss = Descriptors.UserData;
        to->ErrorCode = from->ErrorCode;
        to->Vector = from->Vector == TrapFrame.Syscall ? 0 : from->Vector;
        to->Cr2 = from->FaultAddress;
    }

    /// <summary>
    /// rt_sigreturn: the registers that the handler's frame holds, as far as user mode may set them. False: a bad
    /// frame.
    /// </summary>
    internal static bool Return(Thread* thread, TrapFrame* frame)
    {
        UserPointer<SignalFrame> at = frame->Rsp - 8;
        if (!at.TryGet(out SignalFrame saved))
            return false;
        SignalFrame* user = &saved;
        SignalContext context = user->Context;
        thread->BlockedSignals = user->Mask & ~KillAndStop;
        SetAlternateStack(thread, user->StackAddress, user->StackFlags, user->StackSize);
        if (context.FloatState != 0)
        {
            // FXRSTOR faults on reserved bits of MXCSR: those missing in the mask that FXSAVE left (SDM vol. 1
            // §11.6.6).
            FloatState.Save(frame);
            uint valid = *(uint*)(frame->Fx + 28);
            if (!SignalFloats.TryTake(frame, context.FloatState))
                return false;
            *(uint*)(frame->Fx + 24) &= valid != 0 ? valid : 0xffbf;
            FloatState.Load(frame);
        }
        frame->R8 = context.R8;
        frame->R9 = context.R9;
        frame->R10 = context.R10;
        frame->R11 = context.R11;
        frame->R12 = context.R12;
        frame->R13 = context.R13;
        frame->R14 = context.R14;
        frame->R15 = context.R15;
        frame->Rdi = context.Rdi;
        frame->Rsi = context.Rsi;
        frame->Rbp = context.Rbp;
        frame->Rbx = context.Rbx;
        frame->Rdx = context.Rdx;
        frame->Rax = context.Rax;
        frame->Rcx = context.Rcx;
        frame->Rsp = context.Rsp;
        frame->Rip = context.Rip;
        frame->Flags = context.Flags & FlagsRegister.UserSettable | FlagsRegister.Interrupt | FlagsRegister.AlwaysOne;
        frame->Cs = Descriptors.UserCode;
        frame->Ss = Descriptors.UserData;
        thread->CurrentCall = -1;
        return context.Rip < 1UL << 47;                 // IRETQ would fault in the kernel
    }

    internal static long SetAlternateStack(Thread* thread, ulong address, uint flags, ulong size)
    {
        if ((flags & ~(StackDisabled | StackInUse | 1u << 31)) != 0)
            return Errno.EINVAL;
        if ((flags & StackDisabled) != 0)
        {
            thread->AlternateStack = 0;
            thread->AlternateStackSize = 0;
            return 0;
        }
        if (size < 2048)
            return Errno.ENOMEM;
        thread->AlternateStack = address;
        thread->AlternateStackSize = size;
        return 0;
    }
}
