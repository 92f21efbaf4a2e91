using System;
using System.Runtime;
using Board;

namespace Guestos;

/// <summary>What happens after Traps.S has built a frame.</summary>
internal static unsafe class Traps
{
    private const ulong Debug = 1, PageFault = 14;

    /// <summary>Not a vector: a write fault that the checkpoint has answered, of a process that is to wait.</summary>
    private const ulong TooManyWrites = 257;
    private const ulong ErrorPresent = 1, ErrorWrite = 2, ErrorFetch = 16;

    /// <summary>
    /// On the interrupt stack: answers a checkpoint's write fault, or moves the frame to the kernel stack and returns its address.
    /// Nothing here writes outside excluded frames and that stack.
    /// </summary>
    [RuntimeExport("trap_enter")]
    private static TrapFrame* Enter(TrapFrame* frame)
    {
        if (frame->Vector == PageFault)
        {
            ulong address = Processor.ReadCr2();
            frame->FaultAddress = address;
            if (Checkpoint.Protects && (frame->ErrorCode & (ErrorPresent | ErrorWrite)) == (ErrorPresent | ErrorWrite)
                && Checkpoint.HandleWriteFault(address, frame))
            {
                if (!frame->FromUser || !RateLimit.MustWait(Checkpoint.State, Scheduler.Current))
                    return null;
                frame->Vector = TooManyWrites;
            }
        }
        else if (frame->Vector is 2 or 8 or 18)
            Panic.Stop("machine check, double fault or NMI"u8, frame);
        else if (frame->Vector == Debug && !frame->FromUser)
        {
            // A single step that a process began, on a machine that ends it behind SYSCALL: it goes on in user mode, whose flags are saved.
            // The kernel may not have changed stacks yet.
            frame->Flags &= ~FlagsRegister.Trap;
            return null;
        }
        if (!frame->FromUser && frame->Rip == Symbols.TrapIret() && frame->Rsp >= DirectMap.Base)
        {
            // IRETQ refused what it was to load (SDM vol. 2): that is the process's own fault, with all of its registers in place.
            ulong* refused = (ulong*)frame->Rsp;
            frame->Rip = refused[0];
            frame->Cs = Descriptors.UserCode;
            frame->Flags = refused[2] & FlagsRegister.UserSettable | FlagsRegister.Interrupt | FlagsRegister.AlwaysOne;
            frame->Rsp = refused[3];
            frame->Ss = Descriptors.UserData;
        }
        ulong top = frame->FromUser ? *Symbols.KernelStackTop() : frame->Rsp & ~15UL;
        var target = (TrapFrame*)(top - (ulong)sizeof(TrapFrame));
        if (Checkpoint.Protects)
            Checkpoint.MakeWritable((ulong)target, (ulong)sizeof(TrapFrame));
        *target = *frame;
        return target;
    }

    /// <summary>On the kernel stack, interrupts off.</summary>
    [RuntimeExport("trap_handle")]
    private static void Handle(TrapFrame* frame)
    {
        bool user = frame->FromUser;
        if (user)
            Scheduler.EnterKernel();
        if (frame->Vector == PageFault)
            HandlePageFault(frame, user);
        else if (frame->Vector == TooManyWrites)
        {
            // It waits on its way out.
        }
        else if (frame->Vector >= Interrupts.FirstVector)
            Interrupts.Dispatch((int)frame->Vector);
        else if (!user)
            Panic.Stop("trap in the kernel"u8, frame);
        else
            HandleException(frame);
        if (user)
            Scheduler.LeaveKernel(frame);
    }

    [RuntimeExport("syscall_handle")]
    private static void HandleSyscall(TrapFrame* frame)
    {
        Scheduler.EnterKernel();
        Process* process = Scheduler.Current;
        process->CurrentCall = (long)frame->Rax;
        ulong number = frame->Rax;
        long result = Dispatch.Call(number, frame->Rdi, frame->Rsi, frame->Rdx, frame->R10, frame->R8, frame->R9);
        process->Restarted = false;
        // execve and rt_sigreturn have replaced the frame's registers: they say so.
        if (process->CurrentCall >= 0)
            frame->Rax = (ulong)result;
        Scheduler.LeaveKernel(frame);
    }

    /// <summary>Where a new process runs for the first time.</summary>
    [RuntimeExport("process_first_return")]
    private static void FirstReturn(TrapFrame* frame) => Scheduler.LeaveKernel(frame);

    private static void HandlePageFault(TrapFrame* frame, bool user)
    {
        ulong address = frame->FaultAddress;
        Process* process = Scheduler.Current;
        FaultResult result = FaultResult.NoArea;
        if (process != null && process->Space != null && address < AddressSpace.End)
        {
            Access access = (frame->ErrorCode & ErrorFetch) != 0 ? Access.Execute : (frame->ErrorCode & ErrorWrite) != 0 ? Access.Write : Access.Read;
            process->Faults++;
            result = AddressSpace.Resolve(process->Space, address, access);
        }
        if (result == FaultResult.Resolved)
            return;
        if (!user)
            Panic.Stop("page fault in the kernel"u8, frame);
        if (result == FaultResult.NoMemory)
        {
            OutOfMemory.KillCurrent();
            return;
        }
        int code = result switch { FaultResult.NoArea => SignalCode.NotMapped, FaultResult.NoPermission => SignalCode.NotPermitted, _ => SignalCode.BeyondFile };
        Signal signal = result == FaultResult.FileEnded ? Signal.Bus : Signal.SegmentationFault;
        if (IsDeadly(process, signal))
            Report(signal == Signal.Bus ? "bus error at "u8 : "segmentation fault at "u8, address, frame);
        Signals.Fault(process, signal, code, address);
    }

    private static void HandleException(TrapFrame* frame)
    {
        // SDM vol. 3A table 6-1; Linux arch/x86/kernel/traps.c for the codes.
        (Signal signal, int code) = frame->Vector switch
        {
            0 => (Signal.FloatingPoint, SignalCode.IntegerDivide),
            1 => (Signal.Trap, SignalCode.SingleStep),
            3 => (Signal.Trap, SignalCode.Kernel),
            5 => (Signal.SegmentationFault, SignalCode.Kernel),
            6 => (Signal.IllegalInstruction, SignalCode.IllegalOperand),
            11 or 12 => (Signal.Bus, SignalCode.Kernel),
            16 or 19 => (Signal.FloatingPoint, FloatingPointCode(frame)),
            17 => (Signal.Bus, SignalCode.Alignment),
            _ => (Signal.SegmentationFault, SignalCode.Kernel),
        };
        if (signal != Signal.Trap && IsDeadly(Scheduler.Current, signal))
            Report("exception "u8, frame->Vector, frame);
        Signals.Fault(Scheduler.Current, signal, code, signal == Signal.SegmentationFault || signal == Signal.Bus ? 0 : frame->Rip);
    }

    /// <summary>Nobody handles it: worth a line on the console.</summary>
    private static bool IsDeadly(Process* process, Signal signal) =>
        SignalActions.Of(process->Actions, signal)->Handler <= SignalAction.Ignore || signal.IsIn(process->BlockedSignals);

    /// <summary>From the unmasked status bits of x87 (vector 16) or MXCSR (19).</summary>
    private static int FloatingPointCode(TrapFrame* frame)
    {
        uint status = frame->Vector == 16
            ? *(ushort*)(frame->Fx + 2) & ~(uint)*(ushort*)frame->Fx
            : *(uint*)(frame->Fx + 24) & ~(*(uint*)(frame->Fx + 24) >> 7);
        return (status & 1) != 0 ? SignalCode.FloatInvalid
            : (status & 4) != 0 ? SignalCode.FloatDivide
            : (status & 8) != 0 ? SignalCode.FloatOverflow
            : (status & 18) != 0 ? SignalCode.FloatUnderflow
            : (status & 32) != 0 ? SignalCode.FloatInexact : SignalCode.FloatInvalid;
    }

    /// <summary>One line: what, value, process, place.</summary>
    private static void Report(ReadOnlySpan<byte> what, ulong value, TrapFrame* frame)
    {
        Process* process = Scheduler.Current;
        Console.Write("guestos: process "u8);
        Console.WriteDecimal((ulong)process->Id);
        Console.Write(" ("u8);
        Console.Write(process->NameText);
        Console.Write("): "u8);
        Console.Write(what);
        Console.WriteHex(value);
        Console.Write(", rip "u8);
        Console.WriteHex(frame->Rip);
        Console.Write(", rsp "u8);
        Console.WriteHex(frame->Rsp);
        Console.Write(", error "u8);
        Console.WriteHex(frame->ErrorCode);
        Console.Write("\n"u8);
    }
}
