namespace Guestos;

/// <summary>
/// System calls by their Linux x86-64 number (arch/x86/entry/syscalls/syscall_64.tbl): those of files, of sockets, and this switch; the
/// rest is ENOSYS and counted.
/// </summary>
public static unsafe class Dispatch
{
    /// <summary>What a dispatcher returns for a number that is not its own. No system call returns it.</summary>
    public const long Unknown = long.MinValue;

    /// <summary>Numbers that are counted one by one; higher ones share the last counter.</summary>
    public const int CountedNumbers = 512;

    /// <summary>How often each unknown system call was made, by number.</summary>
    public static UnknownCounts UnknownCalls;

    public struct UnknownCounts
    {
        private fixed uint counts[CountedNumbers];

        public uint this[int number]
        {
            // SAFETY: the index is masked into the array.
            get { fixed (uint* p = counts) return p[number & (CountedNumbers - 1)]; }
            set { fixed (uint* p = counts) p[number & (CountedNumbers - 1)] = value; }
        }
    }

    public static long Call(ulong number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        long result = FileDispatch.Call(number, a, b, c, d, e, f);
        if (result == Unknown)
            result = SocketDispatch.Call(number, a, b, c, d, e, f);
        if (result == Unknown)
            result = CallCore(number, a, b, c, d, e, f);
        if (Vfs.AnyDead)
            Vfs.FreeDead();
        if (result != Unknown)
            return result;
        int index = number < CountedNumbers ? (int)number : CountedNumbers - 1;
        UnknownCalls[index]++;
        return Errno.NotImplemented;
    }

    private static long CallCore(ulong number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f)
    {
        Process* process = Scheduler.Current;
        return number switch
        {
            9 or 10 or 11 or 12 or 25 or 28 or 149 or 150 or 151 or 152 or 325 => MemoryCalls.Change(number, a, b, c, d, e, f),
            13 => SignalCalls.RtSigaction(a, b, c, d),
            14 => SignalCalls.RtSigprocmask(a, b, c, d),
            15 => SignalCalls.RtSigreturn(),
            24 => ProcessCalls.SchedYield(),
            26 => MemoryCalls.Msync(a, b, c),
            27 => MemoryCalls.Mincore(a, b, c),
            34 => SignalCalls.Pause(),
            35 => TimeCalls.Nanosleep(a, b),
            36 => TimeCalls.Getitimer(a, b),
            37 => TimeCalls.Alarm(a),
            38 => TimeCalls.Setitimer(a, b, c),
            39 => process->ThreadGroupId,
            56 => ProcessCalls.Clone(a, b, c, d, e),
            57 => ProcessCalls.Fork(),
            58 => ProcessCalls.Vfork(),
            59 => ProcessCalls.Execve(a, b, c),
            60 => ProcessCalls.Exit(a),
            61 => WaitCalls.Wait4(a, b, c, d),
            62 => SignalCalls.Kill(a, b),
            63 => ProcessCalls.Uname(a),
            96 => TimeCalls.Gettimeofday(a, b),
            97 => b == 0 ? Errno.Fault : ProcessCalls.Prlimit64(0, a, 0, b),      // getrlimit
            98 => TimeCalls.Getrusage(a, b),
            99 => ProcessCalls.Sysinfo(a),
            100 => TimeCalls.Times(a),
            102 => process->UserId,
            104 => process->GroupIdReal,
            105 => ProcessCalls.Setuid(a),
            106 => ProcessCalls.Setgid(a),
            107 => process->EffectiveUserId,
            108 => process->EffectiveGroupId,
            109 => ProcessCalls.Setpgid(a, b),
            110 => ProcessCalls.Getppid(),
            111 => process->GroupId,
            112 => ProcessCalls.Setsid(),
            113 => ProcessCalls.Setresuid(a, b, uint.MaxValue),     // setreuid
            114 => ProcessCalls.Setresgid(a, b, uint.MaxValue),     // setregid
            115 => ProcessCalls.Getgroups(a, b),
            116 => ProcessCalls.Setgroups(a, b),
            117 => ProcessCalls.Setresuid(a, b, c),
            118 => ProcessCalls.PutThree(a, process->UserId, b, process->EffectiveUserId, c, process->SavedUserId),
            119 => ProcessCalls.Setresgid(a, b, c),
            120 => ProcessCalls.PutThree(a, process->GroupIdReal, b, process->EffectiveGroupId, c, process->SavedGroupId),
            121 => ProcessCalls.Getpgid(a),
            122 => process->EffectiveUserId,                // setfsuid
            123 => process->EffectiveGroupId,               // setfsgid
            124 => ProcessCalls.Getsid(a),
            127 => SignalCalls.RtSigpending(a, b),
            128 => SignalCalls.RtSigtimedwait(a, b, c, d),
            129 => SignalCalls.RtSigqueueinfo(a, b, c),
            130 => SignalCalls.RtSigsuspend(a, b),
            131 => SignalCalls.Sigaltstack(a, b),
            140 => PriorityCalls.Getpriority(a, b),
            141 => PriorityCalls.Setpriority(a, b, c),
            142 => PriorityCalls.SchedSetparam(a, b),
            143 => PriorityCalls.SchedGetparam(a, b),
            144 => PriorityCalls.SchedSetscheduler(a, b, c),
            145 => PriorityCalls.SchedGetscheduler(a),
            146 => PriorityCalls.SchedGetPriorityMost(a),
            147 => PriorityCalls.SchedGetPriorityLeast(a),
            157 => ProcessCalls.Prctl(a, b, c, d, e),
            158 => ProcessCalls.ArchPrctl(a, b),
            160 => b == 0 ? Errno.Fault : ProcessCalls.Prlimit64(0, a, b, 0),     // setrlimit
            164 => TimeCalls.Settimeofday(a),
            169 => ProcessCalls.Reboot(a, b, c),
            170 => ProcessCalls.Sethostname(a, b),
            171 => Errno.NotPermitted,                      // setdomainname
            186 => process->Id,
            200 => SignalCalls.Tkill(a, b),
            201 => TimeCalls.Time(a),
            202 => Futex.Call(a, b, c, d, e, f),
            203 => ProcessCalls.SchedSetaffinity(a, b, c),
            204 => ProcessCalls.SchedGetaffinity(a, b, c),
            218 => ProcessCalls.SetTidAddress(a),
            227 => TimeCalls.ClockSettime(a, b),
            228 => TimeCalls.ClockGettime(a, b),
            229 => TimeCalls.ClockGetres(a, b),
            230 => TimeCalls.ClockNanosleep(a, b, c, d),
            231 => ProcessCalls.Exit(a),                    // exit_group
            234 => SignalCalls.Tgkill(a, b, c),
            247 => WaitCalls.Waitid(a, b, c, d, e),
            273 => Futex.SetRobustList(a, b),
            302 => ProcessCalls.Prlimit64(a, b, c, d),
            309 => ProcessCalls.Getcpu(a, b),
            318 => ProcessCalls.Getrandom(a, b, c),
            324 => ProcessCalls.Membarrier(a, b),
            435 => ProcessCalls.Clone3(a, b),
            _ => Unknown,
        };
    }
}
