using System;
using System.Runtime.CompilerServices;
using Wire;

namespace Packetd;

/// <summary>One entry of the poll table (struct pollfd); a negative descriptor is skipped.</summary>
internal struct Poll
{
    public int Descriptor;
    private uint events;

    public const uint In = 1;

    public static Poll On(int descriptor) => new() { Descriptor = descriptor, events = In };

    /// <summary>Whether there is something to read, or the other end is gone.</summary>
    public readonly bool Ready => events >> 16 != 0;
}

/// <summary>
/// The node's hands: its descriptors, all in one poll table, and the monitors' processes. Table: the link's frames for the
/// node itself, those for others, signals, then for each slot frames and control.
/// </summary>
internal ref struct LinuxHost : IHost
{
    public const int PollsPerSlot = 2, FirstPoll = 3, FramesAt = 0, ControlAt = 1;
    private const int OwnAt = 0, LinkAt = 1, SignalsAt = 2;

    /// <summary>Kinds of control records (docs/architecture.md, "The monitor").</summary>
    private const uint GuestReset = 2, TripleFault = 3, MonitorError = 4;

    /// <summary>The part of <see cref="Port.Link"/> that is for the node itself.</summary>
    public const int OwnPort = Port.Link - 1;
    private const int Unix = 1, SeqPacket = 5, NonBlock = 0x800, CloseOnExec = 0x80000;
    private const int SocketLevel = 1, SendBuffer = 7, SigKill = 9, ClockRealtime = 0;

    private readonly Options options;
    private readonly Span<Poll> polls;
    private readonly Span<Machine> machines;

    public LinuxHost(Options options, int own, int link, int signals, Span<Poll> polls, Span<Machine> machines)
    {
        this.options = options;
        this.polls = polls;
        this.machines = machines;
        for (int i = FirstPoll; i < polls.Length; i++)
            polls[i] = Poll.On(-1);
        polls[OwnAt] = Poll.On(own);
        polls[LinkAt] = Poll.On(link);
        polls[SignalsAt] = Poll.On(signals);
    }

    public ulong Now { get; private set; }

    /// <summary>Since 1970, in tenths of a second.</summary>
    public ulong Tenths { get; private set; }

    /// <summary>Waits for work and tells the time.</summary>
    public void Wait()
    {
        Kernel.Do(Call.Ppoll, Kernel.At(polls), polls.Length);
        Span<ulong> time = stackalloc ulong[2];
        Kernel.Do(Call.ClockGetTime, ClockRealtime, Kernel.At(time));
        Now = time[0];
        Tenths = time[0] * 10 + time[1] / 100_000_000;
    }

    public readonly bool SignalReady => polls[SignalsAt].Ready;

    public readonly bool Ready(int port) => Frames(port).Ready;

    public readonly bool Ready(int slot, int which) => At(slot, which).Ready;

    public readonly int ReadSignal(Span<byte> to) => Kernel.Read(polls[SignalsAt].Descriptor, to);

    /// <summary>
    /// The next packet of a port, at the buffer's beginning; 0 when there is none for now. A domain whose descriptor failed
    /// or ended is killed.
    /// </summary>
    public readonly int Receive(int port, Span<byte> buffer)
    {
        bool headed = port <= Port.Link || options.Offload;
        int skipped = headed ? 0 : Packet.HeaderSize;
        buffer.Slice(0, skipped).Clear();
        int length = Kernel.Read(Frames(port).Descriptor, buffer.Slice(skipped));
        if (length <= 0 && length != Kernel.Again && port > Port.Link)
            Kill(port);
        return length <= 0 ? 0 : length + skipped;
    }

    public readonly bool Send(int port, scoped Span<byte> packet)
    {
        int skipped = 0;
        if (port != Port.Link && !options.Offload)
        {
            if (!Packet.Complete(packet))
                return false;
            skipped = Packet.HeaderSize;
        }
        return Kernel.Write(Frames(port).Descriptor, packet.Slice(skipped)) > 0;
    }

    public readonly bool Start(int slot, BootToken token)
    {
        // Where a pair cannot be made there is -1, which the child cannot use: it gives up.
        Span<int> pair = stackalloc int[2], theirs = stackalloc int[PollsPerSlot];
        for (int which = 0; which < PollsPerSlot; which++)
        {
            pair[0] = pair[1] = -1;
            Kernel.Do(Call.SocketPair, Unix, NonBlock | CloseOnExec | SeqPacket, 0, Kernel.At(pair));
            At(slot, which) = Poll.On(pair[0]);
            theirs[which] = pair[1];
        }
        int pid = MachineStart.Start(in options, slot, token, theirs);
        for (int which = 0; which < PollsPerSlot; which++)
            Kernel.Do(Call.Close, theirs[which]);
        machines[slot].Pid = pid;
        Listen(slot);
        if (At(slot, ControlAt).Descriptor < 0)
        {
            if (pid > 0)
                Kernel.Do(Call.Wait4, pid);
            Forget(slot);
            return false;
        }
        Kernel.Do(Call.SetSockOpt, At(slot, FramesAt).Descriptor, SocketLevel, SendBuffer, Kernel.At(stackalloc ulong[] { 4 << 20 }), sizeof(int));
        Log.Say("domain %: started for @, % MiB, process %"u8, (uint)slot, token.BootAddress, token.MemoryMiB, (uint)pid);
        return true;
    }

    public readonly void Refused(uint source, Refusal refusal) => Log.Say("refused a magic ping from @: reason %"u8, source, (ulong)refusal);

    /// <summary>Ends a machine: its session's processes die, and their end is told by <see cref="Reap"/>.</summary>
    public readonly void Kill(int slot)
    {
        if (machines[slot].Pid > 0)
            Kernel.Do(Call.Kill, -machines[slot].Pid, SigKill);
        Close(slot, FramesAt);
    }

    /// <summary>The slot of a machine that has ended, and how (wait(2)); -1 when none has.</summary>
    public readonly int Reap(out uint status)
    {
        Span<uint> waited = stackalloc uint[1];
        int pid = Kernel.Do(Call.Wait4, -1, Kernel.At(waited), 1);
        status = waited[0];
        for (int slot = 0; pid > 0 && slot < machines.Length; slot++)
            if (machines[slot].Pid == pid)
                return slot;
        return -1;
    }

    /// <summary>Says how a machine ended and forgets it.</summary>
    public readonly void Ended(int slot, uint status, in Domain domain)
    {
        for (int i = 0; i < 64 && Listen(slot); i++)
            continue;
        Machine machine = machines[slot];
        bool killed = (status & 0x7F) != 0;
        Line line = Log.Begin(stackalloc byte[Log.Size]);
        line.Add(killed ? "domain %: ended: signal %"u8 : "domain %: ended: exit code %"u8, (uint)slot, killed ? status & 0x7F : status >> 8 & 0xFF);
        if (machine.Said == GuestReset)
            line.Add(", guest reset"u8);
        if (machine.Said == TripleFault)
            line.Add(", triple fault"u8);
        if (machine.Said == MonitorError)
            line.Add(", monitor error %"u8, machine.Value);
        line.Add("; frames sent %, received %, dropped %, forged %"u8, domain.Sent, domain.Received, domain.Dropped, domain.Forged);
        if (Log.Level > 0)
            Log.Write(ref line);
        Kill(slot);
        Forget(slot);
    }

    /// <summary>Ends all machines and waits for them.</summary>
    public readonly void KillAll()
    {
        for (int slot = 0; slot < machines.Length; slot++)
            Kill(slot);
        while (Kernel.Do(Call.Wait4, -1) > 0)
            continue;
    }

    /// <summary>Notes a record of a monitor's control descriptor, if there is one; kills a machine that sends anything else.</summary>
    public readonly bool Listen(int slot)
    {
        Span<byte> record = stackalloc byte[16];
        int length = Kernel.Read(At(slot, ControlAt).Descriptor, record);
        if (length != record.Length)
        {
            if (length != Kernel.Again)
            {
                Kill(slot);
                Close(slot, ControlAt);
            }
            return false;
        }
        machines[slot].Said = Bytes.Le32(record, 0);
        machines[slot].Value = Bytes.Le32(record, 4);
        return true;
    }

    private readonly ref Poll Frames(int port) => ref port > Port.Link ? ref At(port, FramesAt) : ref polls[LinkAt - (Port.Link - port)];

    private readonly ref Poll At(int slot, int which) => ref polls[FirstPoll + slot * PollsPerSlot + which];

    private readonly void Forget(int slot)
    {
        for (int which = 0; which < PollsPerSlot; which++)
            Close(slot, which);
        machines[slot] = default;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private readonly void Close(int slot, int which)
    {
        ref Poll poll = ref At(slot, which);
        if (poll.Descriptor >= 0)
            Kernel.Do(Call.Close, poll.Descriptor);
        poll = Poll.On(-1);
    }
}
