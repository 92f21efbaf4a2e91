using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Launcher;

/// <summary>What the monitor and all that it may start can take at most, for good (setrlimit(2)).</summary>
internal static class Limits
{
    /// <summary>
    /// What a monitor may need beside the guest's memory: its own code, heap and translated code, in MiB.
    /// </summary>
    private const ulong OwnMemory = 1024;

    private const ulong MaxProcesses = 64;
    private const ulong MaxDescriptors = 64;

    /// <summary>
    /// What more of its address space a monitor may use, in bytes: for what cannot be written, which the limit of
    /// memory does not count even where it could be written before.
    /// </summary>
    private const ulong ReadOnlyMemory = 1024UL << 20;

    /// <summary>In seconds; the kernel counts in nanoseconds and would begin anew beyond 2^64 of them.</summary>
    private const ulong MaxCpu = 1_000_000_000;

    /// <summary>False when one of them cannot be set, and it has been said which.</summary>
    public static bool Set(BootToken token, uint tokenCpu)
    {
        // What has a price the node meters itself.
        ulong paid = token.Prices.IsAny ? MaxCpu : Math.Min((ulong)token.ElementCount * tokenCpu, MaxCpu);
        ulong memory = (token.MemoryMiB + OwnMemory) << 20;
        // Where the soft limit is the lower one, a process that has used up its CPU time is ended by SIGXCPU, which
        // packetd tells from any SIGKILL. Processes are counted by user: where packetd gives machines no users of their
        // own, they are also root's.
        return Set("core dumps"u8, RLIMIT_CORE, 0, 0)
            && Set("descriptors"u8, RLIMIT_NOFILE, MaxDescriptors, MaxDescriptors)
            && Set("memory"u8, RLIMIT_DATA, memory, memory)
            && Set("address space"u8, RLIMIT_AS, memory + ReadOnlyMemory, memory + ReadOnlyMemory)
            && Set("CPU time"u8, RLIMIT_CPU, paid, paid + 1)
            && (Syscall.Call(CallNumber.GetUid) == 0 || SetProcesses(MaxProcesses));
    }

    /// <summary>How many processes the user may have for now; it may never have more than 64.</summary>
    public static bool SetProcesses(ulong now) => Set("processes"u8, RLIMIT_NPROC, now, MaxProcesses);

    private static bool Set(ReadOnlySpan<byte> name, int resource, ulong soft, ulong hard)
    {
        ResourceLimit limit = new() { Soft = soft, Hard = hard };
        int code = Syscall.Call(CallNumber.Prlimit, 0, resource, Syscall.AddressOf(ref limit));
        if (code < 0)
            Failure.Say(Failure.NotStarted, "cannot set the limit of "u8, name, code);
        return code == 0;
    }
}

/// <summary>struct rlimit64 (linux/resource.h).</summary>
internal struct ResourceLimit
{
    public ulong Soft;
    public ulong Hard;
}
