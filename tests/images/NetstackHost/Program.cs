using System;
using System.Linux;
using System.Runtime;
using Netstack;

namespace NetstackHost;

/// <summary>
/// netstack-host LINK ADDRESS serve PORT, or netstack-host LINK ADDRESS connect PEER PORT COUNT: a host with that address in a /24 on
/// the packet socket of LINK, until its standard input ends. One line for each connection, and the counters at the end.
/// </summary>
internal static unsafe class Program
{
    private const int Mmap = 9, Ppoll = 271, ClockGetTime = 228, Monotonic = 1;
    private const int MaxConnections = 16, FrameRoom = 2048, In = 1, Out = 4;

    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv, byte** envp)
    {
        if (argc < 5)
            return 2;
        PacketLink* link = (PacketLink*)Map((ulong)sizeof(PacketLink));
        Service* services = (Service*)Map((ulong)sizeof(Service) * MaxConnections);
        byte* frame = Map(FrameRoom);
        nint opened = link->Open(argv[1]);
        if (opened < 0)
        {
            Text line = new(stackalloc byte[64]);
            line.Add("cannot attach to the link: error"u8, -opened);
            line.Write();
            return 3;
        }
        Stack* stack = NewStack(link, Text.Number(argv[2]));
        if (stack == null)
            return 4;

        int listener = SocketError.BadSocket;
        if (argc == 5)
            listener = stack->Listen(0, (ushort)Text.Number(argv[4]), MaxConnections);
        for (uint i = 0; argc > 6 && i < Text.Number(argv[6]) && i < MaxConnections; i++)
            services[i].Begin(stack->Connect(Text.Number(argv[4]), (ushort)Text.Number(argv[5]), 0, 0, Now()));
        Text ready = new(stackalloc byte[16]);
        ready.Add("ready"u8);
        ready.Write();
        while (Wait(link, stack, services))
        {
            ulong now = Now();
            if (link->Busy)
            {
                link->Busy = false;
                stack->LinkReady(now);
            }
            int length;
            for (int i = 0; i < 64 && (length = link->Receive(frame, FrameRoom)) > 0; i++)
                stack->ReceiveFrame(frame, length, FrameFlags.None, now);
            if (now >= stack->NextDeadline())
                stack->Poll(now);
            Serve(stack, listener, services, now);
        }
        Tell(stack, link);
        return 0;
    }

    private static void Serve(Stack* stack, int listener, Service* services, ulong now)
    {
        for (int i = 0; i < MaxConnections; i++)
        {
            int accepted;
            if (!services[i].InUse && (accepted = stack->Accept(listener)) >= 0)
                services[i].Begin(accepted);
            if (services[i].InUse)
                services[i].Step(stack, now);
        }
    }

    /// <summary>Until a frame, room for one, or a time; false when standard input has ended.</summary>
    private static bool Wait(PacketLink* link, Stack* stack, Service* services)
    {
        ulong until = stack->NextDeadline();
        for (int i = 0; i < MaxConnections; i++)
        {
            if (services[i].Deadline != 0 && services[i].Deadline < until)
                until = services[i].Deadline;
        }
        ulong now = Now(), wait = until <= now ? 0 : Math.Min(until - now, 1_000_000_000UL);
        ulong* time = stackalloc ulong[] { wait / 1_000_000_000, wait % 1_000_000_000 };
        ulong* polls = stackalloc ulong[] { (uint)link->Descriptor | (ulong)(link->Busy ? In | Out : In) << 32, (ulong)In << 32 }; // struct pollfd
        Syscall.Invoke(Ppoll, (nint)polls, 2, (nint)time, 0);
        return polls[1] >> 48 == 0;
    }

    private static void Tell(Stack* stack, PacketLink* link)
    {
        Text line = new(stackalloc byte[512]);
        line.Add("counters retransmissions"u8, (long)stack->Counters.Retransmissions);
        line.Add("timeouts"u8, (long)stack->Counters.RetransmissionTimeouts);
        line.Add("fast"u8, (long)stack->Counters.FastRetransmits);
        line.Add("probes"u8, (long)(stack->Counters.ZeroWindowProbes));
        line.Add("tails"u8, (long)stack->Counters.TailLossProbes);
        line.Add("keepalives"u8, (long)stack->Counters.KeepAliveProbes);
        line.Add("bad"u8, (long)(stack->Counters.TcpBadChecksum + stack->Counters.Ipv4BadChecksum + stack->Counters.Ipv4Malformed));
        line.Add("duplicates"u8, (long)stack->Counters.DuplicateSegments);
        line.Add("disorder"u8, (long)stack->Counters.OutOfOrderSegments);
        line.Add("refused"u8, (long)link->Refused);
        line.Write();
    }

    private static ulong Now()
    {
        ulong* time = stackalloc ulong[2];
        Syscall.Invoke(ClockGetTime, Monotonic, (nint)time);
        return time[0] * 1_000_000_000 + time[1];
    }

    private static Stack* NewStack(PacketLink* link, uint address)
    {
        StackConfiguration configuration = default;
        configuration.Address = address;
        configuration.MacAddress = 0x024500000000UL | address;
        configuration.PrefixLength = 24;
        configuration.SecretLow = Now();
        configuration.Connections = MaxConnections;
        configuration.SendChunks = 1024;
        configuration.ReceiveBuffer = configuration.SendBuffer = 1 << 20;
        configuration.Link.Context = link;
        configuration.Link.Transmit = &PacketLink.Transmit;
        ulong size = Stack.RequiredMemory(configuration);
        return Stack.Init(Map(size), size, configuration);
    }

    /// <summary>Zeroed pages: mmap(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS).</summary>
    private static byte* Map(ulong length) => (byte*)Syscall.Invoke(Mmap, 0, (nint)length, 3, 0x22, -1, 0);
}
