using System;
using System.Runtime;

namespace Guestos;

/// <summary>
/// Traps and interrupts on the kernel stack, where Traps.S comes by the names of the exports: a fault of user mode
/// becomes memory or a signal, one of the kernel is its end.
/// </summary>
internal static unsafe class TrapHandler
{
    /// <summary>On the kernel stack, interrupts off.</summary>
    [RuntimeExport("trap_handle")]
    private static void Handle(TrapFrame* frame)
    {
        bool user = frame->FromUser;
        if (user)
            Scheduler.EnterKernel();
        if (frame->Vector == Traps.PageFault)
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

    /// <summary>Where a new process runs for the first time.</summary>
    [RuntimeExport("process_first_return")]
    private static void FirstReturn(TrapFrame* frame) => Scheduler.LeaveKernel(frame);

    private static void HandlePageFault(TrapFrame* frame, bool user)
    {
        ulong address = frame->FaultAddress;
        Process* process = Process.Current;
        FaultResult result = FaultResult.NoArea;
        if (process != null && process->Space != null && address < AddressSpace.End)
        {
            Access access = (frame->ErrorCode & Traps.ErrorFetch) != 0 ? Access.Execute : (frame->ErrorCode & Traps.ErrorWrite) != 0 ? Access.Write : Access.Read;
            process->Faults++;
            result = AddressSpace.Resolve(process->Space, address, access, Frames.UserFloor);
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
        if (signal != Signal.Trap && IsDeadly(Process.Current, signal))
            Report("exception "u8, frame->Vector, frame);
        Signals.Fault(Process.Current, signal, code, signal == Signal.SegmentationFault || signal == Signal.Bus ? 0 : frame->Rip);
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
