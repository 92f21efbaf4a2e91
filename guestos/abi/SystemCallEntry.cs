using System.Runtime;

namespace Guestos;

/// <summary>Where Traps.S brings system calls: on the kernel stack, interrupts off.</summary>
internal static unsafe class SystemCallEntry
{
    [RuntimeExport("syscall_handle")]
    private static void HandleSyscall(TrapFrame* frame, LogicalProcessor* processor)
    {
        Thread* thread = Scheduler.EnterKernel(processor);
        // No number is negative, which would say that the registers are others by now.
        thread->CurrentCall = (long)(frame->Rax & long.MaxValue);
        ulong number = frame->Rax;
        long result = Dispatch.Call(number, frame->Rdi, frame->Rsi, frame->Rdx, frame->R10, frame->R8, frame->R9);
        thread->Restarted = false;
        if (result == Errno.EINTR && !Signals.IsPending(thread) && !thread->RestoreMask)
        {
            // Another thread of the process has taken the signal: the call goes on.
            Signals.RestartCall(thread, frame);
            thread->Restarted = true;
        }
        // execve and rt_sigreturn have replaced the frame's registers: they say so.
        if (thread->CurrentCall >= 0)
            frame->Rax = (ulong)result;
        Scheduler.LeaveKernel(frame);
    }
}
