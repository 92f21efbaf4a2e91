using System;
using System.Runtime;
using Wire;

namespace Packetd;

internal static class Program
{
    private const int UsedTokensLimit = 4096, Batch = 64, SigHangUp = 1, SigPipe = 13, SigChild = 17;

    [RuntimeExport("freestanding_main")]
    private static unsafe int Main(int count, byte** arguments)
    {
        Options options = Options.Parse(count, arguments);
        Confinement.UnmapVdso((ulong*)options.Command);
        // A log whose reader is gone ends nobody, nor does a terminal that is: lines are lost, no more. And whoever started packetd may
        // have ignored its children's ends, which the kernel would then tell nobody.
        Kernel.Do(Call.SigAction, SigChild, Kernel.At<ulong>(stackalloc ulong[4]), 0, 8); // struct kernel_sigaction: SIG_DFL
        Kernel.Do(Call.SigProcMask, 0, Kernel.At<ulong>(stackalloc ulong[] { 1UL << (SigPipe - 1) | 1UL << (SigHangUp - 1) }), 0, 8);
        HmacSha1 key = new(Opening.ReadKey(options.KeyFile, stackalloc byte[HmacSha1.MaxKeySize + 1]));
        int own = Opening.Link(options.Link, options.Address, own: true), link = Opening.Link(options.Link, options.Address, own: false);
        // Nor has a machine anything to read where packetd was started from.
        Kernel.Do(Call.Dup3, Kernel.Must(Call.OpenAt, "cannot open /dev/null"u8, 0, Kernel.At("/dev/null"u8)), 0);
        Confinement.Enter(options.UidBase != 0);

        // All the memory that there will ever be.
        Span<Poll> polls = stackalloc Poll[2 + options.MaxDomains];
        for (int i = 0; i < polls.Length; i++)
            polls[i] = Poll.On(i == 0 ? own : i == 1 ? link : -1);
        LinuxHost host = new(options, polls, stackalloc Machine[options.MaxDomains]);
        Limits limits = new() { Address = options.Address, Key = key, MaxMemoryMiB = options.MaxMemory, ChainSteps = options.ChainSteps };
        UsedTokens used = new(stackalloc byte[UsedTokensLimit * HashChain.ElementSize], stackalloc ulong[UsedTokensLimit]);
        // Tokens tell whole seconds, so the one in which packetd was started must be over: none that an earlier packetd may have
        // honoured was issued in this one or later.
        Kernel.Do(Call.Ppoll, 0, 0, Kernel.At<ulong>(stackalloc ulong[] { 1, 0 }));
        host.Wait();
        limits.Started = host.Now;
        Node<LinuxHost> node = new(host, limits, stackalloc Domain[options.MaxDomains], used, new Limiter(stackalloc ushort[Limiter.Size]));
        Log.Say("ready as @"u8, options.Address);
        Span<byte> buffer = stackalloc byte[Packet.MaxSize + 1];
        while (true)
            Serve(ref node, options.MaxDomains, buffer);
    }

    /// <summary>
    /// One turn of the event loop: every port gets a bounded share of it, so that no flood starves another. What is for the node
    /// itself takes more of a share wherever it comes from, and comes last from the link: so long, and no longer, does a domain's frame
    /// wait behind a flood of it. When a domain has sent something too and the link's share was not enough, the rest waits for the
    /// next millisecond: the processor is the domains' meanwhile.
    /// </summary>
    private static void Serve(ref Node<LinuxHost> node, int domains, Span<byte> buffer)
    {
        node.Host.Wait();
        node.Limiter.Tick(node.Host.Milliseconds / 100);
        bool relayed = false;
        for (int port = Port.Link; port < domains; port++)
            relayed |= Drain(ref node, port, buffer) < Batch && port > Port.Link;
        node.Host.Open = node.Host.Open && (Drain(ref node, LinuxHost.OwnPort, buffer) > 0 || !relayed);
        node.Host.Reap(node.Domains);
    }

    /// <summary>Takes what a port has, but no more than its share. What is left of that; finding nothing counts as one frame.</summary>
    private static int Drain(ref Node<LinuxHost> node, int port, Span<byte> buffer)
    {
        int share = Batch;
        for (int length = node.Host.Ready(port) ? 1 : 0; length > 0 && share > 0;)
        {
            length = node.Host.Receive(port, buffer);
            share -= length is > 0 and <= Packet.MaxSize ? node.Receive(port < Port.Link ? Port.Link : port, buffer.Slice(0, length)) : 1;
        }
        return share;
    }
}
