using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct sigcontext of x86-64 (arch/x86/include/uapi/asm/sigcontext.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SignalContext
{
    public ulong R8, R9, R10, R11, R12, R13, R14, R15, Rdi, Rsi, Rbp, Rbx, Rdx, Rax, Rcx, Rsp, Rip, Flags;
    public ushort Cs, Gs, Fs, Ss;
    public ulong ErrorCode, Vector, OldMask, Cr2;
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
    public ulong ContextFlags, ContextLink;
    public ulong StackAddress;
    public uint StackFlags, StackPadding;
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
    private const uint StackDisabled = 2, StackInUse = 1;

    /// <summary>
    /// Delivers one pending signal of the current process, on the way to user mode: runs its handler, ends or stops the
    /// process, or does nothing. Restarts the interrupted system call where nothing but the signal says that it ended.
    /// </summary>
    internal static void Deliver(TrapFrame* frame)
    {
        Process* process = Process.Current;
        ulong ready = process->PendingSignals & ~process->BlockedSignals;
        if (ready == 0)
        {
            process->BlockedSignals = process->SavedMask;
            process->RestoreMask = false;
            return;
        }
        Signal signal = FirstOf(ready);
        byte* information = stackalloc byte[128];
        Take(process, signal, information);
        SignalAction* action = SignalActions.Of(process->Actions, signal);
        bool interrupted = frame->Vector == TrapFrame.Syscall && process->CurrentCall >= 0 && (long)frame->Rax == Errno.EINTR;
        if (action->Handler > SignalAction.Ignore && signal != Signal.Kill && signal != Signal.Stop)
        {
            if (interrupted && (action->Flags & SignalAction.Restart) != 0 && IsRestartable(process->CurrentCall))
                RestartCall(process, frame);
            SignalAction copy = *action;
            if ((copy.Flags & SignalAction.ResetHandler) != 0)
                action->Handler = SignalAction.Default;
            if (!PushFrame(process, frame, signal, information, copy))
            {
                Console.Write("guestos: no stack for a signal handler\n"u8);
                Processes.Exit(process, Signal.SegmentationFault.Number);
            }
            return;
        }
        if (interrupted)
        {
            RestartCall(process, frame);
            process->Restarted = true;
        }
        if (action->Handler == SignalAction.Ignore && !signal.IsIn(KillAndStop) || signal.IsIn(IgnoredByDefault))
            return;
        if (signal.IsIn(StopSignals))
        {
            if (signal == Signal.Stop || !Processes.IsOrphanedGroup(process->GroupId))
                Processes.StopCurrent(signal);
            return;
        }
        Processes.Exit(process, signal.Number | (signal.IsIn(Dumping) ? 0x80 : 0));
    }

    /// <summary>Faults first, then by number.</summary>
    private static Signal FirstOf(ulong ready)
    {
        ulong faults = Signal.SegmentationFault.Bit | Signal.Bus.Bit | Signal.IllegalInstruction.Bit | Signal.FloatingPoint.Bit | Signal.Trap.Bit
            | Signal.Kill.Bit;
        return Signal.LowestOf((ready & faults) != 0 ? ready & faults : ready);
    }

    /// <summary>SYSCALL is two bytes long; rax is the number again. Not a second time.</summary>
    private static void RestartCall(Process* process, TrapFrame* frame)
    {
        frame->Rax = (ulong)process->CurrentCall;
        frame->Rip -= 2;
        process->CurrentCall = -1;
    }

    /// <summary>
    /// System calls that SA_RESTART begins anew (signal(7)); the others, among them all with a time limit, return
    /// EINTR.
    /// </summary>
    private static bool IsRestartable(long number) => (SystemCall)number
        is SystemCall.Read or SystemCall.Write or SystemCall.Readv or SystemCall.Writev or SystemCall.Pread64 or SystemCall.Pwrite64
        or SystemCall.Preadv or SystemCall.Pwritev or SystemCall.Sendfile or SystemCall.Splice or SystemCall.Ioctl or SystemCall.Fcntl
        or SystemCall.Flock or SystemCall.Open or SystemCall.Openat or SystemCall.Connect or SystemCall.Accept or SystemCall.Accept4
        or SystemCall.Sendto or SystemCall.Recvfrom or SystemCall.Sendmsg or SystemCall.Recvmsg or SystemCall.Clone or SystemCall.Wait4
        or SystemCall.Waitid or SystemCall.Futex or SystemCall.Getrandom;

    private static bool PushFrame(Process* process, TrapFrame* frame, Signal signal, byte* information, in SignalAction action)
    {
        if (process->Restarted)
        {
            // A signal without a handler had begun the call anew; with this one's handler in between it has ended.
            process->Restarted = false;
            frame->Rip += 2;
            frame->Rax = unchecked((ulong)Errno.EINTR);
        }
        ulong stack = frame->Rsp - RedZone;
        bool onAlternate = IsOnAlternateStack(process, frame->Rsp);
        if ((action.Flags & SignalAction.OnStack) != 0 && process->AlternateStackSize != 0 && !onAlternate)
            stack = process->AlternateStack + process->AlternateStackSize;
        ulong floats = (stack - 512) & ~63UL;
        ulong at = ((floats - (ulong)sizeof(SignalFrame)) & ~15UL) - 8;
        if (at > floats || (action.Flags & SignalAction.Restorer) == 0)
            return false;
        SignalFrame made = default;
        SignalFrame* user = &made;
        user->ReturnAddress = action.RestorerAddress;
        user->ContextFlags = ContextFlags;
        user->StackAddress = process->AlternateStack;
        user->StackSize = process->AlternateStackSize;
        user->StackFlags = process->AlternateStackSize == 0 ? StackDisabled : onAlternate ? StackInUse : 0;
        SaveRegisters(&user->Context, frame);
        user->Context.FloatState = floats;
        user->Context.OldMask = process->RestoreMask ? process->SavedMask : process->BlockedSignals;
        user->Mask = user->Context.OldMask;
        Unsafe.CopyBlock(user->Information, information, 128);
        if (!((UserPointer<byte>)floats).TryPutAll(new System.ReadOnlySpan<byte>(frame->Fx, 512)) || !((UserPointer<SignalFrame>)at).TryPut(made))
            return false;

        process->RestoreMask = false;
        process->BlockedSignals |= action.Mask & ~KillAndStop;
        if ((action.Flags & SignalAction.NoDefer) == 0)
            process->BlockedSignals |= signal.Bit;
        frame->Rip = action.Handler;
        frame->Rsp = at;
        frame->Rdi = (ulong)signal.Number;
        frame->Rsi = at + (ulong)(user->Information - (byte*)user);
        frame->Rdx = at + (ulong)((byte*)&user->ContextFlags - (byte*)user);
        frame->Rax = 0;
        frame->Flags &= ~(FlagsRegister.Direction | FlagsRegister.Trap);
        frame->Cs = Descriptors.UserCode;
        frame->Ss = Descriptors.UserData;
        process->CurrentCall = -1;
        return frame->Rip < 1UL << 47;
    }

    private static bool IsOnAlternateStack(Process* process, ulong stack) =>
        process->AlternateStackSize != 0 && stack > process->AlternateStack && stack - process->AlternateStack <= process->AlternateStackSize;

    /// <summary>Fills a siginfo_t.</summary>
    private static void WriteInformation(byte* to, Process* process, Signal signal)
    {
        ulong* information = SignalInformation.Of(process->Information, signal);
        Unsafe.InitBlock(to, 0, 128);
        *(int*)to = signal.Number;
        *(int*)(to + 8) = (int)information[0];
        *(ulong*)(to + 16) = information[1];
        *(ulong*)(to + 24) = information[2];
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
    internal static bool Return(Process* process, TrapFrame* frame)
    {
        UserPointer<SignalFrame> at = frame->Rsp - 8;
        if (!at.TryGet(out SignalFrame saved))
            return false;
        SignalFrame* user = &saved;
        SignalContext context = user->Context;
        process->BlockedSignals = user->Mask & ~KillAndStop;
        SetAlternateStack(process, user->StackAddress, user->StackFlags, user->StackSize);
        if (context.FloatState != 0)
        {
            // FXRSTOR faults on reserved bits of MXCSR: those missing in the mask that FXSAVE left (SDM vol. 1
            // §11.6.6).
            uint valid = *(uint*)(frame->Fx + 28);
            if (!((UserPointer<byte>)context.FloatState).TryGetAll(new System.Span<byte>(frame->Fx, 512)))
                return false;
            *(uint*)(frame->Fx + 24) &= valid != 0 ? valid : 0xffbf;
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
        process->CurrentCall = -1;
        return context.Rip < 1UL << 47;                 // IRETQ would fault in the kernel
    }

    internal static long SetAlternateStack(Process* process, ulong address, uint flags, ulong size)
    {
        if ((flags & ~(StackDisabled | StackInUse | 1u << 31)) != 0)
            return Errno.EINVAL;
        if ((flags & StackDisabled) != 0)
        {
            process->AlternateStack = process->AlternateStackSize = 0;
            return 0;
        }
        if (size < 2048)
            return Errno.ENOMEM;
        process->AlternateStack = address;
        process->AlternateStackSize = size;
        return 0;
    }
}
