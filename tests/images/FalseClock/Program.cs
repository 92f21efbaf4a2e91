using System.Linux;
using System.Runtime;

namespace FalseClock;

/// <summary>
/// <c>false-clock FILE PROGRAM ARGUMENT…</c> traces the program (ptrace(2)) and gives it the time that is in FILE: u64 seconds, u64
/// nanoseconds, then the same again, which is what the program was told last. Where FILE is longer the same follows for the monotonic clock,
/// and then one time that is told for the clock of every process. A wait for nothing but time (ppoll without descriptors) ends at once
/// and moves the file's clock instead. Processes that the program starts have the machine's clock. It only changes what the calls
/// of a raw program return; a program that reads the vDSO sees the machine's clock.
/// </summary>
internal static unsafe class Program
{
    private const int Open = 2, ReadAt = 17, WriteAt = 18, GetPid = 39, Fork = 57, Execve = 59, Wait4 = 61, Kill = 62, Ptrace = 101,
        ClockGetTime = 228, Ppoll = 271;
    private const int Monotonic = 1, ReadWrite = 2, CloseOnExec = 0x80000, WaitStopped = 2, WaitAll = 0x4000_0000, SigTrap = 5, SigStop = 19, SigCont = 18;

    // linux/ptrace.h
    private const int Peek = 2, Poke = 5, GoOn = 24, Seize = 0x4206, Listen = 0x4208, GetSyscallInfo = 0x420E;
    private const int MarkSyscalls = 1, TellExec = 0x10, KillWithTracer = 0x10_0000, StopEvent = 128, SyscallMark = 0x80;
    private const ulong AtEntry = 1, AtExit = 2;

    private static nint s_file, s_child;

    /// <summary>The call that the program is in.</summary>
    private static ulong s_number, s_first, s_second, s_third;

    [RuntimeExport("freestanding_main")]
    private static int Main(int count, byte** arguments, byte** environment)
    {
        if (count < 3)
            return 2;
        s_file = Syscall.Invoke(Open, (nint)arguments[1], ReadWrite | CloseOnExec);
        s_child = Syscall.Invoke(Fork);
        if (s_child == 0)
        {
            Syscall.Invoke(Kill, Syscall.Invoke(GetPid), SigStop);
            Syscall.Invoke(Execve, (nint)arguments[2], (nint)(arguments + 2), (nint)environment);
            return 127;
        }
        int status;
        if (s_file < 0 || Syscall.Invoke(Wait4, s_child, (nint)(&status), WaitStopped) != s_child
            || Trace(Seize, 0, MarkSyscalls | TellExec | KillWithTracer) < 0)
        {
            Syscall.Invoke(Kill, s_child, 9);
            return 2;
        }
        Syscall.Invoke(Kill, s_child, SigCont);
        while (Syscall.Invoke(Wait4, s_child, (nint)(&status), WaitAll) == s_child)
        {
            if ((status & 0x7F) == 0)
                return status >> 8 & 0xFF;
            if ((status & 0xFF) != 0x7F)
                return 128 + (status & 0x7F);
            int signal = status >> 8 & 0xFF, happened = status >> 16;
            if (signal == (SigTrap | SyscallMark))
                InCall();
            // A stop of the whole process stays one; every other stop is this program's own.
            if (happened == StopEvent && signal != SigTrap)
                Trace(Listen, 0, 0);
            else
                Trace(GoOn, 0, happened != 0 || signal == (SigTrap | SyscallMark) ? 0 : signal);
        }
        return 2;
    }

    private static void InCall()
    {
        // struct ptrace_syscall_info: the operation in byte 0, and from byte 24 the number and arguments, or the result.
        ulong* info = stackalloc ulong[11];
        Trace(GetSyscallInfo, 11 * sizeof(ulong), (nint)info);
        if ((info[0] & 0xFF) == AtEntry)
        {
            (s_number, s_first, s_second, s_third) = (info[3], info[4], info[5], info[6]);
            if (s_number == Ppoll && s_second == 0 && s_third != 0)
                SkipWait((nint)s_third);
        }
        else if ((info[0] & 0xFF) == AtExit && s_number == ClockGetTime && info[3] == 0)
        {
            ulong* time = stackalloc ulong[2];
            nint at = (int)s_first < 0 ? 64 : (int)s_first == Monotonic ? 32 : 0;
            if (Syscall.Invoke(ReadAt, s_file, (nint)time, 16, at) != 16)
                at = 0;
            Syscall.Invoke(ReadAt, s_file, (nint)time, 16, at);
            Put((nint)s_second, time);
            if (at != 64)
                Syscall.Invoke(WriteAt, s_file, (nint)time, 16, at + 16);
        }
    }

    private static void SkipWait(nint timeout)
    {
        ulong* time = stackalloc ulong[2], wait = stackalloc ulong[2];
        Trace(Peek, timeout, (nint)wait);
        Trace(Peek, timeout + 8, (nint)(wait + 1));
        Syscall.Invoke(ReadAt, s_file, (nint)time, 16, 0);
        time[0] += wait[0] + (time[1] + wait[1]) / 1_000_000_000;
        time[1] = (time[1] + wait[1]) % 1_000_000_000;
        Syscall.Invoke(WriteAt, s_file, (nint)time, 16, 0);
        wait[0] = wait[1] = 0;
        Put(timeout, wait);
    }

    private static void Put(nint at, ulong* time)
    {
        Trace(Poke, at, (nint)time[0]);
        Trace(Poke, at + 8, (nint)time[1]);
    }

    private static nint Trace(int request, nint address, nint data) => Syscall.Invoke(Ptrace, request, s_child, address, data);
}
