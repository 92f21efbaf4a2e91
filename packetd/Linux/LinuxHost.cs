using System;
using System.Linux;
using System.Runtime.CompilerServices;
using Wire;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace Packetd;

/// <summary>
/// What the node's decisions may do, by system calls: it has the sockets of all ports in one poll table, which begins
/// with <see cref="OwnPort"/>, and the machines' processes.
/// </summary>
/// <param name="polls">Two more than machines.</param>
internal ref struct LinuxHost(Options options, Span<PollDescriptor> polls, Span<MachineProcess> machines) : IHost
{
    /// <summary>The part of <see cref="Port.Link"/> that is for the node itself.</summary>
    public const int OwnPort = Port.Link - 1;

    /// <summary>A process number that the kernel never gives.</summary>
    private const int NoProcess = int.MaxValue;

    /// <summary>In bytes: how much of what is for a machine may wait for it.</summary>
    private const int FramesBuffer = 4 << 20;

    /// <summary>What <see cref="Await"/> has found.</summary>
    private static ChildStatus s_ended;

    private readonly Options options = options;
    private readonly Span<PollDescriptor> polls = polls;
    private readonly Span<MachineProcess> machines = machines;

    public ulong Now { get; private set; }

    public ulong Uptime { get; private set; }

    /// <summary>
    /// Whether <see cref="OwnPort"/> is polled. Set to false, it stays so until the next millisecond.
    /// </summary>
    public bool OwnPortOpen { get; set; }

    /// <summary>
    /// Waits for packets, but not for longer than half a second, or a millisecond while the own port is closed; then
    /// reads the clocks.
    /// </summary>
    public void Wait()
    {
        // poll(2) fails for more entries than RLIMIT_NOFILE, so that unused ones at the end are left out.
        int count = polls.Length;
        while (polls[count - 1].Descriptor < 0)
            count--;
        int first = OwnPortOpen ? 0 : 1;
        Span<PollDescriptor> asked = polls.Slice(first, count - first);
        Timespec time = new() { Nanoseconds = OwnPortOpen ? 500_000_000UL : 1_000_000 };
        int ready = Call(CallNumber.Ppoll, AddressOf(asked), asked.Length, AddressOf(ref time));
        Now = ReadClock(CLOCK_REALTIME) / 1_000_000;
        ulong uptime = ReadClock(CLOCK_MONOTONIC) / 1000;
        if (ready == 0 || uptime != Uptime)
            OwnPortOpen = true;
        Uptime = uptime;
    }

    // clock_gettime(2): the clock of a process counts the time of all its threads, and has this number (the kernel's
    // include/linux/posix-timers.h, CPUCLOCK_SCHED).
    public readonly ulong CpuTime(int slot) => ReadClock(~machines[slot].Pid << 3 | 2);

    /// <summary>Microseconds; 0 for a clock that cannot be read.</summary>
    private static ulong ReadClock(int clock)
    {
        Timespec time = default;
        Call(CallNumber.ClockGetTime, clock, AddressOf(ref time));
        return time.Seconds * 1_000_000 + time.Nanoseconds / 1000;
    }

    /// <summary>Whether there is something to read, or the other end is gone.</summary>
    public readonly bool Ready(int port) => PollOf(port).Returned != 0;

    /// <summary>
    /// The next packet of a port; negative when there is none for now. A domain whose socket failed or ended is killed.
    /// </summary>
    public readonly int Receive(int port, Span<byte> buffer)
    {
        int length = Syscall.Receive(PollOf(port).Descriptor, buffer);
        if (length <= 0 && length != EAGAIN && port > Port.Link)
            Kill(port);
        return length;
    }

    public readonly bool Send(int port, scoped Span<byte> packet) => Syscall.Send(PollOf(port).Descriptor, packet) > 0;

    public readonly bool Start(int slot, BootToken token, scoped ReadOnlySpan<byte> record)
    {
        // What cannot be made stays −1, which every call refuses.
        Span<int> frames = stackalloc int[] { -1, -1 };
        Span<int> control = stackalloc int[] { -1, -1 };
        int pid = -1;
        if (MakePair(frames) && MakePair(control) && Syscall.Send(control[0], record) > 0)
            pid = MachineStart.Start(in options, slot, frames[1], control[1]);
        Syscall.Close(frames[1]);
        Syscall.Close(control[1]);
        SetPort(slot, frames[0]);
        machines[slot] = new() { Pid = pid < 0 ? NoProcess : pid, Control = control[0] };
        // Nothing yet, or a record of a monitor that is quick, longer than one byte; otherwise the child has said that
        // it failed, or is gone, or never was.
        if (Syscall.Receive(control[0], stackalloc byte[2]) is not (2 or EAGAIN))
        {
            Forget(slot);
            return false;
        }
        SetSocketOption(frames[0], SOL_SOCKET, SO_SNDBUF, FramesBuffer);
        Log.Say(
            "domain %: started for @, % MiB, process %"u8, (uint)slot, token.BootAddress, token.MemoryMiB, (uint)pid);
        return true;
    }

    public readonly void Refused(uint source, Refusal refusal) =>
        Log.Say("refused a magic ping from @: reason %"u8, source, (ulong)refusal);

    /// <summary>
    /// The slot of a machine that has ended, whose clock can be read until <see cref="Reap"/>; -1 when none has.
    /// </summary>
    public readonly int FindEnded()
    {
        while (true)
        {
            int pid = Await(P_ALL, 0, WNOWAIT);
            if (pid == 0)
                return -1;
            for (int slot = 0; slot < machines.Length; slot++)
                if (machines[slot].Pid == pid)
                    return slot;
            Await(P_PID, pid, 0); // one that could not be started
        }
    }

    /// <summary>Says how a machine ended, and forgets it.</summary>
    public readonly void Reap(int slot, in Domain domain)
    {
        Await(P_PID, machines[slot].Pid, 0);
        ReadOnlySpan<byte> how = "domain %: ended: signal %; frames sent %, received %, dropped %, forged %"u8;
        if (s_ended.Code == CLD_EXITED)
            how = "domain %: ended: exit code %; frames sent %, received %, dropped %, forged %"u8;
        else if (s_ended.Status == SIGXCPU)
            how = "domain %: ended: signal %, its CPU time is spent; frames sent %, received %, dropped %, forged %"u8;
        Log.Say(how, (uint)slot, s_ended.Status, domain.Sent, domain.Received, domain.Dropped, domain.Forged);
        Forget(slot);
    }

    /// <summary>waitid(2) for a child that has ended: the process, 0 when none has.</summary>
    private static int Await(int which, int pid, int flags)
    {
        s_ended.Pid = 0;
        Call(CallNumber.WaitId, which, pid, AddressOf(ref s_ended), WEXITED | WNOHANG | flags);
        return s_ended.Pid;
    }

    /// <summary>
    /// Ends a machine: its process group dies, and its end is told by <see cref="FindEnded"/>. Only for slots with a
    /// machine.
    /// </summary>
    public readonly void Kill(int slot) => Call(CallNumber.Kill, -machines[slot].Pid, SIGKILL);

    public readonly void Purge(int slot)
    {
        Log.Say("domain %: purged: nothing is paid any more"u8, (uint)slot);
        Kill(slot);
    }

    private readonly void Forget(int slot)
    {
        Kill(slot);
        Syscall.Close(PollOf(slot).Descriptor);
        Syscall.Close(machines[slot].Control);
        SetPort(slot, -1);
        machines[slot] = default;
    }

    private static bool MakePair(Span<int> ends) =>
        Call(CallNumber.SocketPair, AF_UNIX, SOCK_CLOEXEC | SOCK_SEQPACKET, 0, AddressOf(ends)) == 0;

    /// <summary>What a port's packets come from; −1 for a slot that is free.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public readonly void SetPort(int port, int descriptor) =>
        PollOf(port) = new() { Descriptor = descriptor, Events = POLLIN };

    private readonly ref PollDescriptor PollOf(int port) => ref polls[port - OwnPort];
}
