using System;
using System.Runtime;

namespace Guestos;

/// <summary>
/// Traps and interrupts on the kernel stack, where Traps.S comes by the names of the exports: a fault of user mode
/// becomes memory or a signal, one of the kernel is its end. A page fault of the kernel on a user address is resolved
/// where it can be, as a safety net: <c>UserRange</c> makes pages present before the kernel touches them.
/// </summary>
internal static unsafe class TrapHandler
{
    /// <summary>On the kernel stack, interrupts off.</summary>
    [RuntimeExport("trap_handle")]
    private static void Handle(TrapFrame* frame)
    {
        bool user = frame->FromUser;
        if (user)
            Scheduler.EnterKernel(LogicalProcessor.Current);
        if (frame->Vector == ExceptionVector.PF)
            HandlePageFault(frame, user);
        else if (frame->Vector == Traps.TooManyWrites)
        {
            // It waits on its way out.
        }
        else if (frame->Vector >= Interrupts.FirstVector)
            Interrupts.Dispatch((int)frame->Vector);
        else if (!user)
            TrapPanic.Stop("trap in the kernel"u8, frame);
        else
            HandleException(frame);
        if (user)
            Scheduler.LeaveKernel(frame);
    }

    /// <summary>Where a new thread runs for the first time.</summary>
    [RuntimeExport("thread_first_return")]
    private static void FirstReturn(TrapFrame* frame) => Scheduler.LeaveKernel(frame);

    private static void HandlePageFault(TrapFrame* frame, bool user)
    {
        ulong address = frame->FaultAddress;
        Process* process = Process.Current;
        FaultResult result = FaultResult.NoArea;
        if (process != null && process->Space != null && address < AddressSpace.End)
        {
            process->Faults++;
            result = AddressSpace.Resolve(process->Space, address, AccessOf(frame->ErrorCode), Frames.UserFloor);
        }
        if (result == FaultResult.Resolved)
            return;
        if (!user)
            TrapPanic.Stop("page fault in the kernel"u8, frame);
        if (result == FaultResult.NoMemory)
        {
            // Unless it ends itself, it tries again when the one that ends has had its turn.
            if (OutOfMemory.Relieve())
                Scheduler.Yield();
            return;
        }
        int code = result switch
        {
            FaultResult.NoArea => SignalCode.NotMapped,
            FaultResult.NoPermission => SignalCode.NotPermitted,
            _ => SignalCode.BeyondFile,
        };
        Signal signal = result == FaultResult.FileEnded ? Signal.Bus : Signal.SegmentationFault;
        if (IsDeadly(signal))
            Report(signal == Signal.Bus ? "bus error at "u8 : "segmentation fault at "u8, address, frame);
        Signals.Fault(Thread.Current, signal, code, address);
    }

    private static Access AccessOf(ulong errorCode)
    {
        if ((errorCode & Traps.ErrorFetch) != 0)
            return Access.Execute;
        return (errorCode & Traps.ErrorWrite) != 0 ? Access.Write : Access.Read;
    }

    private static void HandleException(TrapFrame* frame)
    {
        // The program tries again.
        if (frame->Vector == ExceptionVector.UD && !FloatState.HasUpper && IsVex(frame->Rip)
            && FloatState.TrySwitchOn())
            return;
        // The codes are those of Linux (arch/x86/kernel/traps.c).
        (Signal signal, int code) = frame->Vector switch
        {
            ExceptionVector.DE => (Signal.FloatingPoint, SignalCode.IntegerDivide),
            ExceptionVector.DB => (Signal.Trap, SignalCode.SingleStep),
            ExceptionVector.BP => (Signal.Trap, SignalCode.Kernel),
            ExceptionVector.BR => (Signal.SegmentationFault, SignalCode.Kernel),
            ExceptionVector.UD => (Signal.IllegalInstruction, SignalCode.IllegalOperand),
            ExceptionVector.NP or ExceptionVector.SS => (Signal.Bus, SignalCode.Kernel),
            ExceptionVector.MF or ExceptionVector.XM => (Signal.FloatingPoint, FloatingPointCode(frame)),
            ExceptionVector.AC => (Signal.Bus, SignalCode.Alignment),
            _ => (Signal.SegmentationFault, SignalCode.Kernel),
        };
        if (signal != Signal.Trap && IsDeadly(signal))
            Report("exception "u8, frame->Vector, frame);
        bool hasAddress = signal != Signal.SegmentationFault && signal != Signal.Bus;
        Signals.Fault(Thread.Current, signal, code, hasAddress ? frame->Rip : 0);
    }

    /// <summary>
    /// An instruction of user mode is in VEX encoding (SDM vol. 2A §2.3), behind prefixes of segments and address size.
    /// </summary>
    private static bool IsVex(ulong at)
    {
        const int MaxPrefixes = 12;
        for (int i = 0; i < MaxPrefixes; i++)
        {
            if (!((UserPointer<byte>)(at + (ulong)i)).TryGet(out byte value))
                return false;
            if (value is 0xc4 or 0xc5)
                return true;
            if (value is not (0x26 or 0x2e or 0x36 or 0x3e or 0x64 or 0x65 or 0x67))
                return false;
        }
        return false;
    }

    /// <summary>Nobody handles it: worth a line on the console.</summary>
    private static bool IsDeadly(Signal signal)
    {
        Thread* thread = Thread.Current;
        return SignalActions.Of(thread->Process->Actions, signal)->Handler <= SignalAction.Ignore
            || signal.IsIn(thread->BlockedSignals);
    }

    /// <summary>
    /// From the exceptions that are flagged and unmasked in the status and control word of x87 (#MF) or in MXCSR (#XM),
    /// whose masks lie 7 bits above the flags (SDM vol. 1 §8.1.3, §8.1.5, §10.2.3).
    /// </summary>
    private static int FloatingPointCode(TrapFrame* frame)
    {
        FloatState.Save(frame);
        uint flags = *(ushort*)(frame->Fx + 2);
        uint masks = *(ushort*)frame->Fx;
        if (frame->Vector != ExceptionVector.MF)
        {
            flags = *(uint*)(frame->Fx + 24);
            masks = flags >> 7;
        }
        return (flags & ~masks) switch
        {
            uint bits when (bits & 1) != 0 => SignalCode.FloatInvalid,
            uint bits when (bits & 4) != 0 => SignalCode.FloatDivide,
            uint bits when (bits & 8) != 0 => SignalCode.FloatOverflow,
            uint bits when (bits & 18) != 0 => SignalCode.FloatUnderflow,
            uint bits when (bits & 32) != 0 => SignalCode.FloatInexact,
            _ => SignalCode.FloatInvalid,
        };
    }

    /// <summary>One line: what, value, process, place.</summary>
    private static void Report(ReadOnlySpan<byte> what, ulong value, TrapFrame* frame)
    {
        Process* process = Process.Current;
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
