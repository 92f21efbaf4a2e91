using System.Linux;
using System.Runtime;

namespace Forks;

/// <summary>
/// forks PID: from now on that process, when it forks, goes on only when its child runs another program or is gone, as after
/// vfork(2). Says "." when it has begun and ends with the process, which it takes along when it is killed itself (ptrace(2)).
/// </summary>
internal static unsafe class Program
{
    private const int Write = 1, Wait4 = 61, Ptrace = 101, AllKinds = 0x4000_0000;
    private const int Seize = 0x4206, Continue = 7, Detach = 17, Listen = 0x4208;
    private const int TraceFork = 2, TraceExec = 0x10, KillWithTracer = 0x100000;
    private const int ExecEvent = 4, StopEvent = 128, SigTrap = 5;

    [RuntimeExport("freestanding_main")]
    private static int Main(int count, byte** arguments, byte** environment)
    {
        int pid = 0;
        for (byte* digit = arguments[1]; *digit != 0; digit++)
            pid = pid * 10 + *digit - '0';
        if (Syscall.Invoke(Ptrace, Seize, pid, 0, TraceFork | TraceExec | KillWithTracer) != 0)
            return 1;
        byte begun = (byte)'.';
        Syscall.Invoke(Write, 1, (nint)(&begun), 1);

        bool met = false;
        while (true)
        {
            int status = 0;
            int who = (int)Syscall.Invoke(Wait4, -1, (nint)(&status), AllKinds);
            bool ended = (status & 0xFF) != 0x7F;
            if (who < 0 || (who == pid && ended))
                return 0;
            int signal = status >> 8 & 0xFF, happened = status >> 16;
            if (happened == StopEvent)
                Request(signal == SigTrap ? Continue : Listen, who); // a new child; or stopped by a signal, and to stay so
            else if (happened == 0 && !ended)
                Request(Continue, who, signal);
            else
            {
                if (happened == ExecEvent)
                    Request(Detach, who);
                // The parent has stopped, or the child has come so far: whichever is second lets the parent go on.
                met = !met;
                if (!met)
                    Request(Continue, pid);
            }
        }
    }

    private static void Request(int request, int pid, int signal = 0) => Syscall.Invoke(Ptrace, request, pid, 0, signal);
}
