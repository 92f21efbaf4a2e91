using System;
using System.Linux;
using System.Runtime;
using Wire;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace Packetd;

internal static class Program
{
    private static Tables s_tables;

    [RuntimeExport("freestanding_main")]
    private static unsafe int Main(int count, byte** arguments)
    {
        Options.Parse(count, arguments, out Options options);
        Confinement.UnmapVdso((ulong*)options.Command);
        SetSignals();
        byte* formerKeyFile = options.FormerKeyFile == null ? options.KeyFile : options.FormerKeyFile;
        Limits limits = new()
        {
            Address = options.Address,
            Key = Opening.ReadKey((nint)options.KeyFile),
            FormerKey = Opening.ReadKey((nint)formerKeyFile),
            HasFormerKey = options.FormerKeyFile != null,
            MaxMemoryMiB = options.MaxMemory,
            MinCpuShare = options.MinCpuShare,
            ChainSteps = options.ChainSteps,
            Grace = options.Grace,
        };
        ReadOnlySpan<byte> name = Arguments.At(options.Link);
        int own = Opening.Link(name, options.Address, own: true);
        int link = Opening.Link(name, options.Address, own: false);
        // Machines inherit it as descriptor 0, and so do not read what packetd was started with.
        int nothing = Call(CallNumber.OpenAt, 0, AddressOf("/dev/null"u8));
        Call(CallNumber.Dup3, Log.Require(nothing, "cannot open /dev/null"u8), 0);
        Confinement.Enter(options.UidBase != 0);

        Span<PollDescriptor> polls = s_tables.Polls;
        Span<Domain> domains = s_tables.Domains;
        Span<byte> secret = stackalloc byte[Sha1.DigestSize];
        limits.Key.Sign("EvilLimi"u8, secret); // no token begins like this
        Node<LinuxHost> node = new(
            new LinuxHost(options, polls.Slice(0, 2 + options.MaxDomains), s_tables.Processes),
            limits,
            domains.Slice(0, options.MaxDomains),
            new UsedTokens(s_tables.Tokens),
            new Accounts(s_tables.Accounts),
            new Limiter(s_tables.Allowances, Bytes.Le32(secret, 0)));
        node.Host.SetPort(LinuxHost.OwnPort, own);
        node.Host.SetPort(Port.Link, link);
        for (int slot = 0; slot < options.MaxDomains; slot++)
            node.Host.SetPort(slot, -1);
        // Tokens tell whole seconds, so the one in which packetd was started must be over: none that an earlier packetd
        // may have honoured was issued in this one or later.
        Timespec second = new() { Seconds = 1 };
        Call(CallNumber.Ppoll, 0, 0, AddressOf(ref second));
        node.Host.Wait();
        node.Start();
        Log.Say("ready as @"u8, options.Address);
        Log.Say("CPU shares are % to 100 percent: tokens for others are refused"u8, options.MinCpuShare);
        while (true)
            Serve(ref node, options.MaxDomains, s_tables.Buffer);
    }

    /// <summary>
    /// Blocks SIGPIPE, so that a log without a reader loses lines and no more, and SIGHUP. Sets SIGCHLD to its default:
    /// where the parent of packetd has ignored it, the kernel would not tell how machines ended.
    /// </summary>
    private static void SetSignals()
    {
        Span<ulong> action = stackalloc ulong[4]; // struct kernel_sigaction: SIG_DFL
        Call(CallNumber.SigAction, SIGCHLD, AddressOf(action), 0, sizeof(ulong));
        ulong blocked = 1UL << (SIGPIPE - 1) | 1UL << (SIGHUP - 1);
        Call(CallNumber.SigProcMask, SIG_BLOCK, AddressOf(ref blocked), 0, sizeof(ulong));
    }

    /// <summary>
    /// One turn of the event loop. 1: every port has a bounded share of it, so that no flood starves another. 2: what
    /// is for the node itself counts for more in a share (<see cref="Node{THost}.OwnWeight"/>), whatever port it comes
    /// from. 3: the link's packets for the node itself (<see cref="LinuxHost.OwnPort"/>) come last, so that a domain's
    /// frame waits for no more than one share of them. 4: when they have used up that share and a domain has sent
    /// something in this turn, the rest of them waits for the next millisecond.
    /// </summary>
    private static void Serve(ref Node<LinuxHost> node, int domains, Span<byte> buffer)
    {
        node.Host.Wait();
        node.Limiter.Tick(node.Host.Uptime / 100);
        Reap(ref node);
        Drain(ref node, Port.Link, buffer);
        bool relayed = false;
        for (int slot = 0; slot < domains; slot++)
            relayed |= Drain(ref node, slot, buffer) < Node<LinuxHost>.Share;
        if (node.Host.OwnPortOpen)
        {
            int left = Drain(ref node, LinuxHost.OwnPort, buffer);
            node.Host.OwnPortOpen = left > 0 || !relayed;
        }
        // Last, so that after a time in which packetd was stopped what was paid meanwhile counts, and who has ended is
        // not ended for being in debt.
        node.Meter();
    }

    /// <summary>Says how machines ended, if any have, and forgets them and their domains.</summary>
    private static void Reap(ref Node<LinuxHost> node)
    {
        for (int slot = node.Host.FindEnded(); slot >= 0; slot = node.Host.FindEnded())
        {
            node.Close(slot);
            node.Host.Reap(slot, in node.Domains[slot]);
            node.Domains[slot] = default;
        }
    }

    /// <summary>
    /// Takes what a port has, but no more than its share. What is left of that; finding nothing counts as one frame.
    /// </summary>
    private static int Drain(ref Node<LinuxHost> node, int port, Span<byte> buffer)
    {
        int share = Node<LinuxHost>.Share;
        bool more = node.Host.Ready(port);
        while (more && share > 0)
        {
            int length = node.Host.Receive(port, buffer);
            more = length > 0;
            if (more && length <= Packet.MaxSize)
                share -= node.Receive(port < Port.Link ? Port.Link : port, buffer.Slice(0, length));
            else
                share--;
        }
        return share;
    }
}
