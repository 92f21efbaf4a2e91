using System;
using System.Runtime;
using Wire;

namespace Packetd;

internal static class Program
{
    private const int UsedTokensLimit = 4096, Batch = 64, OwnBatch = 64, OwnBatchWhenBusy = 4;

    [RuntimeExport("freestanding_main")]
    private static unsafe int Main(int count, byte** arguments, byte** environment)
    {
        Options options = Options.Parse(new Arguments(count, arguments));
        Log.Level = options.LogLevel;
        Confinement.UnmapVdso(environment);
        Span<byte> key = stackalloc byte[HmacSha1.MaxKeySize + 1];
        key = key.Slice(0, Opening.ReadKey(options.KeyFile, key));
        int own = Opening.Link(options.Link, options.Address, own: true), link = Opening.Link(options.Link, options.Address, own: false);
        int signals = Opening.Signals();
        ulong started = Opening.WaitForNextSecond();
        if (!Confinement.Enter(options.UidBase != 0))
            Log.Fail("cannot give up privileges"u8, "."u8);

        // All the memory that there will ever be.
        int domains = (int)options.MaxDomains;
        LinuxHost host = new(options, own, link, signals, stackalloc Poll[LinuxHost.FirstPoll + domains * LinuxHost.PollsPerSlot],
            stackalloc Machine[domains]);
        Limits limits = new()
        {
            Address = options.Address, Key = new HmacSha1(key), Started = started, MaxMemoryMiB = options.MaxMemory, ChainSteps = options.ChainSteps,
        };
        UsedTokens used = new(stackalloc byte[UsedTokensLimit * HashChain.ElementSize], stackalloc ulong[UsedTokensLimit]);
        Node<LinuxHost> node = new(host, limits, stackalloc Domain[domains], used, new Limiter(stackalloc ushort[Limiter.Size]));
        Span<byte> buffer = stackalloc byte[Packet.MaxSize + 1];

        Log.Say("ready as @"u8, options.Address);
        while (Serve(ref node, domains, buffer))
            continue;
        node.Host.KillAll();
        Log.Say("ended by a signal"u8);
        return 0;
    }

    /// <summary>
    /// One turn of the event loop: every port gets a bounded share of it, so that no flood starves another, and what is for
    /// the node itself gets the smallest.
    /// </summary>
    private static bool Serve(ref Node<LinuxHost> node, int domains, Span<byte> buffer)
    {
        node.Host.Wait();
        node.Limiter.Tick(node.Host.Tenths);
        int own = OwnBatch;
        for (int port = Port.Link; port < domains; port++)
            if (node.Host.Ready(port))
            {
                Drain(ref node, port, Batch, buffer);
                own = OwnBatchWhenBusy;
            }
        if (node.Host.Ready(LinuxHost.OwnPort))
            Drain(ref node, LinuxHost.OwnPort, own, buffer);
        for (int slot = 0; slot < domains; slot++)
            if (node.Host.Ready(slot, LinuxHost.ControlAt))
                node.Host.Listen(slot);
        return !node.Host.SignalReady || HandleSignal(ref node);
    }

    private static void Drain(ref Node<LinuxHost> node, int port, int frames, Span<byte> buffer)
    {
        for (; frames > 0; frames--)
        {
            int length = node.Host.Receive(port, buffer);
            if (length == 0)
                return;
            if (length <= Packet.MaxSize)
                node.Receive(Math.Max(port, Port.Link), buffer.Slice(0, length));
        }
    }

    private static bool HandleSignal(ref Node<LinuxHost> node)
    {
        Span<byte> signal = stackalloc byte[128]; // struct signalfd_siginfo begins with the signal's number
        if (node.Host.ReadSignal(signal) == signal.Length && signal[0] != Opening.SigChild)
            return false;
        for (int slot = node.Host.Reap(out uint status); slot >= 0; slot = node.Host.Reap(out status))
            node.Host.Ended(slot, status, node.Remove(slot));
        return true;
    }
}
