using System.Runtime;
using Board;

namespace Guestos;

/// <summary>What a write fault on a present page was.</summary>
public enum WriteFault
{
    /// <summary>The process's own, or an error of the kernel.</summary>
    Other,

    /// <summary>Made by write protection that is lifted now: back to the instruction.</summary>
    Lifted,

    /// <summary>The same, of a process that is to wait before it goes on.</summary>
    LiftedMustWait,
}

/// <summary>
/// What happens on an interrupt stack, after Traps.S has built a frame there. Traps.S goes on by name:
/// trap_handle and thread_first_return are in proc/TrapHandler.cs, syscall_handle in abi/SystemCallEntry.cs.
/// </summary>
internal static unsafe class Traps
{
    /// <summary>Not a vector: a write fault that needs no answer any more, of a process that is to wait.</summary>
    internal const ulong TooManyWrites = 257;

    /// <summary>Bits of a page fault's error code (SDM vol. 3A §4.7).</summary>
    internal const ulong ErrorPresent = 1;
    internal const ulong ErrorWrite = 2;
    internal const ulong ErrorFetch = 16;

    /// <summary>
    /// Answers write faults on present pages; null until somebody write-protects pages whose areas allow writing. From
    /// then on it is set, until the guest arrives on another machine. It is called on the interrupt stack and writes to
    /// nothing that could be protected.
    /// </summary>
    public static delegate*<TrapFrame*, WriteFault> OnWriteFault;

    /// <summary>
    /// Lifts such protection from memory of the kernel (address, length). Set and cleared with
    /// <see cref="OnWriteFault"/>.
    /// </summary>
    public static delegate*<ulong, ulong, void> MakeWritable;

    /// <summary>
    /// On the interrupt stack: answers a write fault that protection has caused, or moves the frame to the kernel stack
    /// and returns its address. Nothing here writes outside excluded frames and that stack.
    /// </summary>
    [RuntimeExport("trap_enter")]
    private static TrapFrame* Enter(TrapFrame* frame)
    {
        if (frame->Vector == ExceptionVector.PF)
        {
            frame->FaultAddress = Processor.ReadCr2();
            if (OnWriteFault != null && (frame->ErrorCode & (ErrorPresent | ErrorWrite)) == (ErrorPresent | ErrorWrite))
            {
                WriteFault fault = OnWriteFault(frame);
                if (fault == WriteFault.Lifted)
                    return null;
                if (fault == WriteFault.LiftedMustWait)
                    frame->Vector = TooManyWrites;
            }
        }
        else if (frame->Vector is ExceptionVector.NMI or ExceptionVector.DF or ExceptionVector.MC)
            TrapPanic.Stop("machine check, double fault or NMI"u8, frame);
        else if (frame->Vector == ExceptionVector.DB && !frame->FromUser)
        {
            // A single step that a process began, on a machine that ends it behind SYSCALL: it goes on in user mode,
            // whose flags are saved. The kernel may not have changed stacks yet.
            frame->Flags &= ~FlagsRegister.Trap;
            return null;
        }
        if (!frame->FromUser && frame->Rip == Symbols.TrapIret() && frame->Rsp >= DirectMap.Base)
        {
            // IRETQ refused what it was to load (SDM vol. 2): that is the process's own fault, with all of its
            // registers in place.
            ulong* refused = (ulong*)frame->Rsp;
            frame->Rip = refused[0];
            frame->Cs = Descriptors.UserCode;
            frame->Flags = refused[2] & FlagsRegister.UserSettable | FlagsRegister.Interrupt | FlagsRegister.AlwaysOne;
            frame->Rsp = refused[3];
            frame->Ss = Descriptors.UserData;
        }
        ulong top = frame->FromUser ? LogicalProcessor.Current->KernelStackTop : frame->Rsp & ~15UL;
        var target = (TrapFrame*)(top - (ulong)sizeof(TrapFrame));
        if (MakeWritable != null)
            MakeWritable((ulong)target, (ulong)sizeof(TrapFrame));
        *target = *frame;
        return target;
    }
}
