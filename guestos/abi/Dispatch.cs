using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// abi: system calls, from registers and user memory to the layers below, as on Linux for x86-64 (syscall(2)).
/// <para>Guarantees: arguments are taken as user mode passed them and believed nowhere; a user address that is not
/// mapped is EFAULT and no fault of the kernel; flags that a call does not know are refused. The result is 0 or more,
/// or -errno.</para>
/// <para>Who may call: <see cref="SystemCallEntry"/>, in the context of the process that calls, on its kernel stack,
/// with interrupts off. Calls may sleep; what they use meanwhile they hold.</para>
/// <para>Locks: calls that change areas have the address space's, which <see cref="MemoryCalls.Change"/> takes. Of
/// files, <see cref="FileCalls"/> takes the locks of position and contents where the layer below does not. Nothing is
/// held when a call returns.</para>
/// This file: calls by number, those of files, of sockets, and the rest here. What none of the three has is ENOSYS and
/// counted.
/// </summary>
public static unsafe class Dispatch
{
    /// <summary>What a dispatcher returns for a call that is not its own. No system call returns it.</summary>
    public const long Unknown = long.MinValue;

    public static long Call(ulong number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        var call = (SystemCall)number;
        long result = FileDispatch.Call(call, a, b, c, d, e, f);
        if (result == Unknown)
            result = SocketDispatch.Call(call, a, b, c, d, e, f);
        if (result == Unknown)
            result = CallCore(call, a, b, c, d, e, f);
        if (Vfs.AnyDead)
            Vfs.FreeDead();
        if (result != Unknown)
            return result;
        UnknownCalls.Count(number);
        return Errno.ENOSYS;
    }

    /// <summary>Whose call it is. Not looked up before the call is known: few need it here.</summary>
    private static Process* Self
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Thread.Current->Process;
    }

    private static long CallCore(SystemCall call, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        return call switch
        {
            SystemCall.Mmap or SystemCall.Mprotect or SystemCall.Munmap or SystemCall.Brk or SystemCall.Mremap
                or SystemCall.Madvise or SystemCall.Mlock or SystemCall.Mlock2 or SystemCall.Munlock
                or SystemCall.Mlockall or SystemCall.Munlockall or SystemCall.Msync
                or SystemCall.Shmat or SystemCall.Shmdt or SystemCall.RemapFilePages =>
                    MemoryCalls.Change(call, a, b, c, d, e, f),
            SystemCall.RtSigaction => SignalCalls.RtSigaction(a, b, c, d),
            SystemCall.RtSigprocmask => SignalCalls.RtSigprocmask(a, b, c, d),
            SystemCall.RtSigreturn => SignalCalls.RtSigreturn(),
            SystemCall.SchedYield => ProcessCalls.SchedYield(),
            SystemCall.Mincore => MemoryCalls.Mincore(a, b, c),
            SystemCall.Pause => SignalCalls.Pause(),
            SystemCall.Nanosleep => TimeCalls.Nanosleep(a, b),
            SystemCall.Getitimer => TimeCalls.Getitimer(a, b),
            SystemCall.Alarm => TimeCalls.Alarm(a),
            SystemCall.Setitimer => TimeCalls.Setitimer(a, b, c),
            SystemCall.Shmget => SharedMemoryCalls.Get(a, b, c),
            SystemCall.Shmctl => SharedMemoryCalls.Control(a, b, c),
            SystemCall.Semget => SemaphoreCalls.Get(a, b, c),
            SystemCall.Semop => SemaphoreCalls.Operate(a, b, c, 0),
            SystemCall.Semctl => SemaphoreCalls.Control(a, b, c, d),
            SystemCall.Semtimedop => SemaphoreCalls.Operate(a, b, c, d),
            SystemCall.Msgget => QueueCalls.Get(a, b),
            SystemCall.Msgsnd => QueueCalls.Send(a, b, c, d),
            SystemCall.Msgrcv => QueueCalls.Receive(a, b, c, d, e),
            SystemCall.Msgctl => QueueCalls.Control(a, b, c),
            SystemCall.MqOpen => PosixQueueCalls.Open(a, b, c, d),
            SystemCall.MqUnlink => PosixQueueCalls.Unlink(a),
            SystemCall.MqTimedsend => PosixQueueCalls.Send(a, b, c, d, e),
            SystemCall.MqTimedreceive => PosixQueueCalls.Receive(a, b, c, d, e),
            SystemCall.MqNotify => PosixQueueCalls.Notify(a, b),
            SystemCall.MqGetsetattr => PosixQueueCalls.GetSetAttributes(a, b, c),
            SystemCall.Getpid => Self->Id,
            SystemCall.Clone => ProcessCalls.Clone(a, b, c, d, e),
            SystemCall.Fork => ProcessCalls.Fork(),
            SystemCall.Vfork => ProcessCalls.Vfork(),
            SystemCall.Execve => ProcessCalls.Execve(a, b, c),
            SystemCall.Exit => ProcessCalls.Exit(a),
            SystemCall.Wait4 => WaitCalls.Wait4(a, b, c, d),
            SystemCall.Kill => SignalCalls.Kill(a, b),
            SystemCall.Uname => ProcessCalls.Uname(a),
            SystemCall.Gettimeofday => TimeCalls.Gettimeofday(a, b),
            SystemCall.Getrlimit => b == 0 ? Errno.EFAULT : ProcessCalls.Prlimit64(0, a, 0, b),
            SystemCall.Getrusage => TimeCalls.Getrusage(a, b),
            SystemCall.Sysinfo => ProcessCalls.Sysinfo(a),
            SystemCall.Times => TimeCalls.Times(a),
            SystemCall.Getuid => Credentials.Current.RealUserId,
            SystemCall.Getgid => Credentials.Current.RealGroupId,
            SystemCall.Setuid => ProcessCalls.Setuid(a),
            SystemCall.Setgid => ProcessCalls.Setgid(a),
            SystemCall.Geteuid => Credentials.Current.EffectiveUserId,
            SystemCall.Getegid => Credentials.Current.EffectiveGroupId,
            SystemCall.Setpgid => ProcessCalls.Setpgid(a, b),
            SystemCall.Getppid => ProcessCalls.Getppid(),
            SystemCall.Getpgrp => Self->ProcessGroupId,
            SystemCall.Setsid => ProcessCalls.Setsid(),
            SystemCall.Setreuid => ProcessCalls.Setreuid(a, b),
            SystemCall.Setregid => ProcessCalls.Setregid(a, b),
            SystemCall.Getgroups => ProcessCalls.Getgroups(a, b),
            SystemCall.Setgroups => ProcessCalls.Setgroups(a, b),
            SystemCall.Setresuid => ProcessCalls.Setresuid(a, b, c),
            SystemCall.Getresuid => ProcessCalls.Getresuid(a, b, c),
            SystemCall.Setresgid => ProcessCalls.Setresgid(a, b, c),
            SystemCall.Getresgid => ProcessCalls.Getresgid(a, b, c),
            SystemCall.Getpgid => ProcessCalls.Getpgid(a),
            SystemCall.Setfsuid => ProcessCalls.Setfsuid(a),
            SystemCall.Setfsgid => ProcessCalls.Setfsgid(a),
            SystemCall.Getsid => ProcessCalls.Getsid(a),
            SystemCall.RtSigpending => SignalCalls.RtSigpending(a, b),
            SystemCall.RtSigtimedwait => SignalCalls.RtSigtimedwait(a, b, c, d),
            SystemCall.RtSigqueueinfo => SignalCalls.RtSigqueueinfo(a, b, c),
            SystemCall.RtSigsuspend => SignalCalls.RtSigsuspend(a, b),
            SystemCall.Sigaltstack => SignalCalls.Sigaltstack(a, b),
            SystemCall.Getpriority => PriorityCalls.Getpriority(a, b),
            SystemCall.Setpriority => PriorityCalls.Setpriority(a, b, c),
            SystemCall.SchedSetparam => PriorityCalls.SchedSetparam(a, b),
            SystemCall.SchedGetparam => PriorityCalls.SchedGetparam(a, b),
            SystemCall.SchedSetscheduler => PriorityCalls.SchedSetscheduler(a, b, c),
            SystemCall.SchedGetscheduler => PriorityCalls.SchedGetscheduler(a),
            SystemCall.SchedGetPriorityMax => PriorityCalls.SchedGetPriorityMax(a),
            SystemCall.SchedGetPriorityMin => PriorityCalls.SchedGetPriorityMin(a),
            SystemCall.Prctl => ProcessCalls.Prctl(a, b, c, d, e),
            SystemCall.ArchPrctl => ProcessCalls.ArchPrctl(a, b),
            SystemCall.Setrlimit => b == 0 ? Errno.EFAULT : ProcessCalls.Prlimit64(0, a, b, 0),
            SystemCall.Settimeofday => TimeCalls.Settimeofday(a),
            SystemCall.Reboot => ProcessCalls.Reboot(a, b, c),
            SystemCall.Sethostname => ProcessCalls.Sethostname(a, b),
            SystemCall.Setdomainname => ProcessCalls.Setdomainname(a, b),
            SystemCall.Gettid => Thread.Current->Id,
            SystemCall.Tkill => SignalCalls.Tkill(a, b),
            SystemCall.Time => TimeCalls.Time(a),
            SystemCall.Futex => FutexCalls.Call(a, b, c, d, e, f),
            SystemCall.SchedSetaffinity => ProcessCalls.SchedSetaffinity(a, b, c),
            SystemCall.SchedGetaffinity => ProcessCalls.SchedGetaffinity(a, b, c),
            SystemCall.SetTidAddress => ProcessCalls.SetTidAddress(a),
            SystemCall.ClockSettime => TimeCalls.ClockSettime(a, b),
            SystemCall.ClockGettime => TimeCalls.ClockGettime(a, b),
            SystemCall.ClockGetres => TimeCalls.ClockGetres(a, b),
            SystemCall.ClockNanosleep => TimeCalls.ClockNanosleep(a, b, c, d),
            SystemCall.TimerCreate => PosixTimerCalls.Create(a, b, c),
            SystemCall.TimerSettime => PosixTimerCalls.Settime(a, b, c, d),
            SystemCall.TimerGettime => PosixTimerCalls.Gettime(a, b),
            SystemCall.TimerGetoverrun => PosixTimerCalls.Getoverrun(a),
            SystemCall.TimerDelete => PosixTimerCalls.Delete(a),
            SystemCall.Capget => CapabilityCalls.Capget(a, b),
            SystemCall.Capset => CapabilityCalls.Capset(a, b),
            SystemCall.Personality => ProcessCalls.Personality(a),
            SystemCall.Execveat => ExecveatCall.Execveat(a, b, c, d, e),
            SystemCall.SchedRrGetInterval => PriorityCalls.SchedRrGetInterval(a, b),
            SystemCall.SchedSetattr => PriorityCalls.SchedSetattr(a, b, c),
            SystemCall.SchedGetattr => PriorityCalls.SchedGetattr(a, b, c, d),
            SystemCall.IoprioSet => PriorityCalls.IoprioSet(a, b, c),
            SystemCall.IoprioGet => PriorityCalls.IoprioGet(a, b),
            SystemCall.RtTgsigqueueinfo => SignalCalls.RtTgsigqueueinfo(a, b, c, d),
            SystemCall.Ptrace => TraceCalls.Call(a, b, c, d),
            SystemCall.ProcessVmReadv => ProcessMemoryCalls.Read(a, b, c, d, e, f),
            SystemCall.ProcessVmWritev => ProcessMemoryCalls.Write(a, b, c, d, e, f),
            SystemCall.Kcmp => ProcessMemoryCalls.Compare(a, b, c, d, e),
            SystemCall.PidfdGetfd => ProcessMemoryCalls.GetDescriptor(a, b, c),
            SystemCall.Sendmmsg => SeveralMessagesCalls.Send(a, b, c, d),
            SystemCall.Recvmmsg => SeveralMessagesCalls.Receive(a, b, c, d, e),
            SystemCall.Unshare => UnshareCall.Unshare(a),
            SystemCall.ExitGroup => ProcessCalls.ExitGroup(a),
            SystemCall.Tgkill => SignalCalls.Tgkill(a, b, c),
            SystemCall.Waitid => WaitCalls.Waitid(a, b, c, d, e),
            SystemCall.SetRobustList => Futex.SetRobustList(a, b),
            SystemCall.GetRobustList => FutexCalls.GetRobustList(a, b, c),
            SystemCall.Prlimit64 => ProcessCalls.Prlimit64(a, b, c, d),
            SystemCall.Getcpu => ProcessCalls.Getcpu(a, b),
            SystemCall.Getrandom => ProcessCalls.Getrandom(a, b, c),
            SystemCall.Membarrier => ProcessCalls.Membarrier(a, b),
            SystemCall.Clone3 => ProcessCalls.Clone3(a, b),
            _ => Unknown,
        };
    }
}
