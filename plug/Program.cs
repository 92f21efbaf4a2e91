using System;
using System.Linux;
using System.Runtime;
using static System.Linux.Uapi;
using Bytes = Wire.Bytes;

namespace Plug;

/// <summary>
/// <c>plug PROGRAM ARGUMENT…</c>: runs a monitor that takes no offloads where packetd expects one that does.
/// Descriptors 3 and 4 are those of docs/architecture.md ("The monitor"); the program gets its own (<see
/// cref="Monitor"/>). Ends as the program does.
/// </summary>
internal static class Program
{
    // Descriptors.
    private const int Node = 3;
    private const int Control = 4;

    // Exit codes.
    private const int BadArguments = 1;
    private const int GuestCrashed = 2;
    private const int MonitorFailed = 4;

    // Kinds of records.
    private const uint Running = 1;
    private const uint GuestReset = 2;
    private const uint TripleFault = 3;
    private const uint MonitorError = 4;
    private const uint GuestPanic = 5;

    [RuntimeExport("freestanding_main")]
    private static unsafe int Main(int count, byte** arguments, byte** environment)
    {
        if (count < 2)
        {
            Syscall.Write(2, "usage: plug PROGRAM ARGUMENT... "u8);
            Syscall.Write(2, "(descriptors 3 and 4: docs/architecture.md, \"The monitor\")\n"u8);
            return BadArguments;
        }
        int self = Syscall.Call(CallNumber.GetPid);
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
        int status = monitor.Wait(); // wait(2): the signal in the lower seven bits, or the exit code in the second byte
        int signal = status & 0x7F;
        int code = status >> 8 & 0xFF;
        if (signal != 0)
        {
            Monitor.DieOf(self, signal);
            return 128 + signal;
        }
        if (code != 0)
        {
            Report(MonitorError, (uint)code);
            return code;
        }
        uint kind = log.TripleFault ? TripleFault : GuestReset;
        if (log.Panic)
            kind = GuestPanic;
        Report(kind);
        return kind == GuestReset ? 0 : GuestCrashed;
    }

    /// <summary>Relays until the monitor has ended: true; or until packetd is gone: false.</summary>
    private static bool Serve(ref Relay relay, ref FaultLog log, in Monitor monitor)
    {
        const int NodeAt = 0;
        const int FramesAt = 1;
        const int ControlAt = 2;
        const int EndAt = 3;
        const int LogAt = 4;
        const int Gone = POLLERR | POLLHUP | POLLNVAL;
        Span<PollDescriptor> polls = stackalloc PollDescriptor[5];
        Span<byte> record = stackalloc byte[16];
        polls[ControlAt] = On(Control, true, false);
        polls[EndAt] = On(monitor.End, true, false);
        polls[LogAt] = On(monitor.Log, true, false);
        int frames = monitor.Frames;
        bool ended = false;
        while (true)
        {
            // While a packet waits for room at one end, the other end is not read; where nothing is to be read or
            // written, the end of the monitor's frames is not waited for either.
            polls[NodeAt] = On(Node, !relay.MonitorOwed, relay.NodeOwed);
            bool idle = relay.NodeOwed && !relay.MonitorOwed;
            polls[FramesAt] = On(idle ? -1 : frames, !relay.NodeOwed, relay.MonitorOwed);
            // Without a limit. ppoll(2) goes on after a stop and its end, without restart_syscall(2), which the filter
            // would refuse.
            Syscall.Call(CallNumber.Ppoll, Syscall.AddressOf(polls), polls.Length);

            // The last frames of the monitor go on to the node after its end, however long that takes.
            ended |= polls[EndAt].Returned != 0;
            if (ended)
                polls[EndAt].Descriptor = -1;
            if (((polls[NodeAt].Returned | polls[ControlAt].Returned) & Gone) != 0)
                return false;
            // What the node may say there is reserved.
            if (polls[ControlAt].Returned != 0 && Syscall.Receive(Control, record) == 0)
                return false;
            // A monitor that has closed one of these ends soon, or does without: there is nothing more to wait for.
            if (polls[LogAt].Returned != 0 && !log.Read())
                polls[LogAt].Descriptor = -1;
            if (!relay.Down())
                return false;
            if (!relay.Up())
                frames = -1;
            if (ended && relay.Drained && !relay.NodeOwed)
                return true;
        }
    }

    private static PollDescriptor On(int descriptor, bool reading, bool writing)
    {
        PollDescriptor poll = new() { Descriptor = descriptor };
        if (reading)
            poll.Events |= POLLIN;
        if (writing)
            poll.Events |= POLLOUT;
        return poll;
    }

    private static int Fail(ReadOnlySpan<byte> sentence)
    {
        Syscall.Write(2, sentence);
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
        Syscall.Send(Control, record);
    }
}
