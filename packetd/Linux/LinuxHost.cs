using System;
using Wire;

namespace Packetd;

/// <summary>One entry of the poll table (struct pollfd); a negative descriptor is skipped.</summary>
internal struct Poll
{
    public int Descriptor;

    /// <summary>Those that are asked for, and in the upper half those that are there.</summary>
    public uint Events;

    public static Poll On(int descriptor) => new() { Descriptor = descriptor, Events = 1 };
}

/// <summary>
/// The node's hands: its ports' descriptors in one poll table, which begins with <see cref="OwnPort"/>, and the monitors' processes.
/// </summary>
/// <param name="polls">Two more than machines.</param>
internal ref struct LinuxHost(Options options, Span<Poll> polls, Span<Machine> machines) : IHost
{
    /// <summary>The part of <see cref="Port.Link"/> that is for the node itself.</summary>
    public const int OwnPort = Port.Link - 1;
    private const int Unix = 1, SeqPacket = 5, CloseOnExec = 0x80000;
    private const int SocketLevel = 1, SendBuffer = 7, SigKill = 9, SigXcpu = 24, ClockRealtime = 0, NoHang = 1;
    private const int NoProcess = int.MaxValue; // more than the kernel ever numbers

    private readonly Options options = options;
    private readonly Span<Poll> polls = polls;
    private readonly Span<Machine> machines = machines;

    /// <summary>Since 1970.</summary>
    public ulong Milliseconds { get; private set; }

    public readonly ulong Now => Milliseconds / 1000;

    /// <summary>
    /// Whether what is for the node itself is looked after. Whoever has enough of it says no, which holds until the next millisecond.
    /// </summary>
    public bool Open { get; set; }

    /// <summary>Waits for work and tells the time.</summary>
    public void Wait()
    {
        Span<ulong> time = stackalloc ulong[] { Open ? 1UL : 0, Open ? 0UL : 1_000_000 }; // struct timespec
        // The kernel refuses to look at more entries than a process may have descriptors: no more than there are in use.
        int last = polls.Length - 1;
        while (polls[last].Descriptor < 0)
            last--;
        Span<Poll> asked = polls.Slice(Open ? 0 : 1, Open ? last + 1 : last);
        int ready = Kernel.Do(Call.Ppoll, Kernel.At(asked), asked.Length, Kernel.At(time));
        Kernel.Do(Call.ClockGetTime, ClockRealtime, Kernel.At(time));
        ulong now = time[0] * 1000 + time[1] / 1_000_000;
        Open |= ready == 0 || now != Milliseconds; // where a clock stands still, a quiet millisecond opens it
        Milliseconds = now;
    }

    /// <summary>Whether there is something to read, or the other end is gone.</summary>
    public readonly bool Ready(int port) => Frames(port).Events >> 16 != 0;

    /// <summary>The next packet of a port; negative when there is none for now. A domain whose descriptor failed or ended is killed.</summary>
    public readonly int Receive(int port, Span<byte> buffer)
    {
        int length = Kernel.Receive(Frames(port).Descriptor, buffer);
        if (length <= 0 && length != Kernel.Again && port > Port.Link)
            Kill(port);
        return length;
    }

    public readonly bool Send(int port, scoped Span<byte> packet) => Kernel.Send(Frames(port).Descriptor, packet) > 0;

    public readonly bool Start(int slot, BootToken token, scoped ReadOnlySpan<byte> record)
    {
        Span<int> frames = stackalloc int[] { -1, -1 }, control = stackalloc int[] { -1, -1 };
        bool paired = (Kernel.Do(Call.SocketPair, Unix, CloseOnExec | SeqPacket, 0, Kernel.At(frames))
            | Kernel.Do(Call.SocketPair, Unix, CloseOnExec | SeqPacket, 0, Kernel.At(control))) == 0;
        int pid = paired && Kernel.Send(control[0], record) > 0 ? MachineStart.Start(in options, slot, frames[1], control[1]) : -1;
        Kernel.Do(Call.Close, frames[1]);
        Kernel.Do(Call.Close, control[1]);
        Frames(slot) = Poll.On(frames[0]);
        machines[slot] = new Machine { Pid = pid < 0 ? NoProcess : pid, Control = control[0] };
        // Nothing yet, or a record of a monitor that is quick; otherwise it has said that it failed, or is gone, or never was.
        if (Kernel.Receive(control[0], stackalloc byte[2]) is not (2 or Kernel.Again))
        {
            Forget(slot);
            return false;
        }
        Kernel.Do(Call.SetSockOpt, frames[0], SocketLevel, SendBuffer, Kernel.At<ulong>(stackalloc ulong[] { 4 << 20 }), sizeof(int));
        Log.Say("domain %: started for @, % MiB, process %"u8, (uint)slot, token.BootAddress, token.MemoryMiB, (uint)pid);
        return true;
    }

    public readonly void Refused(uint source, Refusal refusal) => Log.Say("refused a magic ping from @: reason %"u8, source, (ulong)refusal);

    /// <summary>Says how machines ended, if any have, and forgets them and their domains.</summary>
    public readonly void Reap(Span<Domain> domains)
    {
        Span<uint> status = stackalloc uint[1];
        for (int pid; (pid = Kernel.Do(Call.Wait4, -1, Kernel.At<uint>(status), NoHang)) > 0;)
            for (int slot = 0; slot < machines.Length; slot++)
                if (machines[slot].Pid == pid)
                    Bury(slot, status[0] & 0x7F, status[0] >> 8 & 0xFF, ref domains[slot]);
    }

    private readonly void Bury(int slot, uint signal, uint code, ref Domain domain)
    {
        ReadOnlySpan<byte> how = signal == 0 ? "domain %: ended: exit code %; frames sent %, received %, dropped %, forged %"u8
            : signal == SigXcpu ? "domain %: ended: signal %, its CPU time is spent; frames sent %, received %, dropped %, forged %"u8
            : "domain %: ended: signal %; frames sent %, received %, dropped %, forged %"u8;
        Log.Say(how, (uint)slot, signal == 0 ? code : signal, domain.Sent, domain.Received, domain.Dropped, domain.Forged);
        Forget(slot);
        domain = default;
    }

    /// <summary>Ends a machine: its process group dies, and its end is told by <see cref="Reap"/>. Only for slots with a machine.</summary>
    public readonly void Kill(int slot) => Kernel.Do(Call.Kill, -machines[slot].Pid, SigKill);

    private readonly void Forget(int slot)
    {
        Kill(slot);
        Kernel.Do(Call.Close, Frames(slot).Descriptor);
        Kernel.Do(Call.Close, machines[slot].Control);
        Frames(slot) = Poll.On(-1);
        machines[slot] = default;
    }

    private readonly ref Poll Frames(int port) => ref polls[port - OwnPort];
}
