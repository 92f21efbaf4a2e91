using System;
using System.Runtime;
using Bytes = Wire.Bytes;

namespace Plug;

/// <summary>
/// <c>plug PROGRAM ARGUMENT…</c>: runs a monitor that takes no offloads where packetd expects one that does. Descriptors 3 and 4 are
/// those of docs/architecture.md ("The monitor"); the program gets its own (<see cref="Monitor"/>). Ends as the program does.
/// </summary>
internal static class Program
{
    private const int Node = 3, Control = 4, BadArguments = 1, GuestCrashed = 2, MonitorFailed = 4;
    private const uint Running = 1, GuestReset = 2, TripleFault = 3, MonitorError = 4, GuestPanic = 5;

    [RuntimeExport("freestanding_main")]
    private static unsafe int Main(int count, byte** arguments, byte** environment)
    {
        if (count < 2)
        {
            Kernel.Write(2, "usage: plug PROGRAM ARGUMENT... (descriptors 3 and 4: docs/architecture.md, \"The monitor\")\n"u8);
            return BadArguments;
        }
        int self = Kernel.Do(Call.GetPid);
        if (!Confinement.ForbidNewPrivileges() || !Monitor.TryStart(arguments + 1, environment, out Monitor monitor))
            return Fail("plug: there is no process for the monitor.\n"u8);
        if (!Confinement.Enter())
            return Fail("plug: the kernel takes no seccomp filter.\n"u8);
        Report(Running);

        Relay relay = new(Node, monitor.Frames, stackalloc byte[Relay.PacketSize], stackalloc byte[Relay.FrameSize]);
        FaultLog log = new(monitor.Log);
        if (!Serve(ref relay, ref log, in monitor))
        {
            monitor.Kill();
            monitor.Wait();
            return 0;
        }
        relay.Tell();
        while (log.Read())
            continue;
        int status = monitor.Wait(), signal = status & 0x7F, code = status >> 8 & 0xFF;
        if (signal != 0)
        {
            Monitor.DieOf(self, signal);
            return 128 + signal;
        }
        if (code != 0)
            Report(MonitorError, (uint)code);
        else
            Report(log.Panic ? GuestPanic : log.TripleFault ? TripleFault : GuestReset);
        return code == 0 && (log.Panic || log.TripleFault) ? GuestCrashed : code;
    }

    /// <summary>Relays until the monitor has ended: true; or until packetd is gone: false.</summary>
    private static bool Serve(ref Relay relay, ref FaultLog log, in Monitor monitor)
    {
        const int NodeAt = 0, FramesAt = 1, ControlAt = 2, EndAt = 3, LogAt = 4;
        Span<Poll> polls = stackalloc Poll[5];
        Span<byte> record = stackalloc byte[16];
        polls[ControlAt].On(Control, Poll.In);
        polls[EndAt].On(monitor.End, Poll.In);
        polls[LogAt].On(monitor.Log, Poll.In);
        int frames = monitor.Frames;
        bool ended = false;
        while (true)
        {
            // Whoever is owed something is asked for room before anybody is asked for more, and the end of what cannot be taken yet
            // is not heard of.
            polls[NodeAt].On(Node, (relay.MonitorOwed ? 0 : Poll.In) | (relay.NodeOwed ? Poll.Out : 0));
            polls[FramesAt].On(relay.NodeOwed && !relay.MonitorOwed ? -1 : frames, (relay.NodeOwed ? 0 : Poll.In) | (relay.MonitorOwed ? Poll.Out : 0));
            Poll.Wait(polls);

            // Its last frames go on to the node, however long that takes: they are a guest's last words.
            ended |= polls[EndAt].Ready;
            if (ended)
                polls[EndAt].On(-1, 0);
            if (polls[NodeAt].Gone || polls[ControlAt].Gone)
                return false;
            // What the node may say there is reserved.
            if (polls[ControlAt].Ready && Kernel.Receive(Control, record) == 0)
                return false;
            // A monitor that has closed one of these ends soon, or does without: there is nothing more to wait for.
            if (polls[LogAt].Ready && !log.Read())
                polls[LogAt].On(-1, 0);
            if (!relay.Down())
                return false;
            if (!relay.Up())
                frames = -1;
            if (ended && relay.Drained && !relay.NodeOwed)
                return true;
        }
    }

    private static int Fail(ReadOnlySpan<byte> sentence)
    {
        Kernel.Write(2, sentence);
        Report(MonitorError);
        return MonitorFailed;
    }

    /// <summary>Tells packetd: {u32 kind, u32 value, u64 value}.</summary>
    private static void Report(uint kind, uint value = 0)
    {
        Span<byte> record = stackalloc byte[16];
        record.Clear();
        Bytes.PutLe32(record, 0, kind);
        Bytes.PutLe32(record, 4, value);
        Kernel.Send(Control, record);
    }
}
