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
        thread->EndsAtHandler = false;
        ulong number = frame->Rax;
        if (thread->Trace.Tracer != null)
        {
            HandleTraced(thread, frame);
            return;
        }
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

    /// <summary>
    /// The same of a thread that another traces, who may be told when the call begins and when it has ended, and may
    /// change its number, its arguments and its result.
    /// </summary>
    private static void HandleTraced(Thread* thread, TrapFrame* frame)
    {
        ulong number = frame->Rax;
        thread->Trace.Number = number;
        if (thread->Trace.Mode == TraceMode.SystemCall)
        {
            frame->Rax = unchecked((ulong)Errno.ENOSYS);
            Tracing.StopAtSystemCall(thread, isEntry: true);
            number = thread->Trace.Number;
            thread->CurrentCall = (long)(number & long.MaxValue);
        }
        // Who has been killed begins nothing more, and −1 is no call: its result is what the tracer says.
        bool isSkipped = Signals.Killed || (long)number < 0;
        long result = isSkipped
            ? (long)frame->Rax
            : Dispatch.Call(number, frame->Rdi, frame->Rsi, frame->Rdx, frame->R10, frame->R8, frame->R9);
        thread->Restarted = false;
        if (thread->CurrentCall >= 0)
            frame->Rax = (ulong)result;
        else if ((SystemCall)number == SystemCall.RtSigreturn)
            thread->Trace.Number = ulong.MaxValue;
        Tracing.StopAtSystemCall(thread, isEntry: false);
        Tracing.EndStepAtSystemCall(thread);
        bool isInterrupted = thread->CurrentCall >= 0 && (long)frame->Rax == Errno.EINTR;
        if (isInterrupted && !Signals.IsPending(thread) && !thread->RestoreMask)
        {
            Signals.RestartCall(thread, frame);
            thread->Restarted = true;
        }
        Scheduler.LeaveKernel(frame);
    }
}
