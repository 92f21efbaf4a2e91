using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using NetstackHost;
using Xunit;
using Xunit.Abstractions;

namespace Netstack.Tests;

/// <summary>
/// Our TCP in a process of its own against the Linux kernel's, over a relay between two TAP devices; the kernel against itself over the
/// same relay and seeds is the witness. NETSTACK_SEED=n takes that seed alone, NETSTACK_SEEDS=n the first n, NETSTACK_BYTES=n that size;
/// NETSTACK_CONGESTION names the kernel's congestion control.
/// </summary>
public sealed class RelayTests(ITestOutputHelper output)
{
    private const int Connections = 3;

    public static TheoryData<string, int> Wires
    {
        get
        {
            TheoryData<string, int> data = [];
            foreach (string wire in new[] { "clean", "loss", "delay", "reorder", "duplicate", "corrupt", "narrow", "all" })
            {
                foreach (int seed in Seeds.OfRelay)
                    data.Add(wire, seed);
            }
            return data;
        }
    }

    internal static FaultRates Rates(string wire) => wire switch
    {
        "clean" => new FaultRates(Delay: 0),
        "loss" => new FaultRates(Loss: 0.02, Delay: 2_000_000),
        "delay" => new FaultRates(Delay: 20_000_000, Jitter: 5_000_000),
        "reorder" => new FaultRates(Reorder: 0.05, Delay: 2_000_000),
        "duplicate" => new FaultRates(Duplicate: 0.1, Delay: 2_000_000),
        "corrupt" => new FaultRates(Corrupt: 0.02, Delay: 2_000_000),
        "narrow" => new FaultRates(Delay: 5_000_000, BitsPerSecond: 20_000_000, QueueBytes: 32768),
        _ => new FaultRates(Loss: 0.01, Duplicate: 0.03, Reorder: 0.03, Corrupt: 0.01, Delay: 2_000_000, Jitter: 1_000_000, BitsPerSecond: 50_000_000, QueueBytes: 131072),
    };

    /// <summary>Three connections at once, one of each order: everything arrives as it was sent, both ways, and both ends close.</summary>
    [NamespaceTheory]
    [MemberData(nameof(Wires))]
    public void EverythingArrives(string wire, int seed)
    {
        string line = $"wire {wire,-9} seed {seed}";
        foreach (Far far in Enum.GetValues<Far>())
        {
            Dictionary<string, long> counters = [];
            (double down, double up, double all) = (0, 0, 0);
            Repeatable(wire, seed, far, new TwoTaps(Rates(wire), seed, far, Connections), taps =>
            {
                long size = Seeds.Bytes ?? (wire == "clean" ? 4_000_000 : 600_000);
                long begin = Stopwatch.GetTimestamp();
                List<Exchange> exchanges = [];
                for (uint id = 0; id < Connections; id++)
                    exchanges.Add(Exchange.Start(taps, new Request { Id = id, Order = (Order)id, Answer = (ulong)size }, size));
                foreach (Exchange exchange in exchanges)
                {
                    (double itsDown, double itsUp) = exchange.Finish(taps.Host);
                    if (exchange == exchanges[(int)Order.AnswerFirst])
                        (down, up) = (itsDown, itsUp);
                }
                all = 2.0 * Connections * size / Stopwatch.GetElapsedTime(begin).TotalSeconds;
                foreach ((string name, long count) in taps.Host.Stop())
                    counters[name] = count;
                SeeThatItWasSo(wire, taps.Relay, far, counters);
            });
            line += string.Create(CultureInfo.InvariantCulture,
                $" | {far} {all / 1e6,6:0.00} ({down / 1e6:0.00} up, {up / 1e6:0.00} down)");
        }
        output.WriteLine(line);
    }

    /// <summary>Neither end reads for a while: both windows close, are probed, and open again, on a wire with every fault.</summary>
    [NamespaceTheory]
    [InlineData(Far.Kernel)]
    [InlineData(Far.OursListens)]
    [InlineData(Far.OursConnects)]
    public void WindowsCloseAndOpen(Far far)
    {
        int seed = Seeds.OfRelay[0];
        Repeatable("all", seed, far, new TwoTaps(Rates("all"), seed, far, 1, receiveBuffer: 16384), taps =>
        {
            Exchange exchange = Exchange.Start(taps, new Request { Answer = 1_500_000, Pause = 1500 }, 6_000_000, TimeSpan.FromSeconds(1.5));
            exchange.Finish(taps.Host);
            Assert.True(taps.ZeroWindowsOfA > 0, "the near end's window did not close");
            Assert.True(taps.ZeroWindowsOfB > 0, "the far end's window did not close");
            if (far != Far.Kernel)
                Assert.True(taps.Host.Stop()["probes"] > 0, "our stack did not probe the closed window");
        });
    }

    /// <summary>Runs a case; when it fails, says how to repeat it and what the wire did.</summary>
    internal static void Repeatable(string wire, int seed, Far far, TwoTaps taps, Action<TwoTaps> run)
    {
        using (taps)
        {
            try
            {
                run(taps);
            }
            catch (Exception e)
            {
                Assert.Fail($"wire {wire}, {far}, seed {seed} (NETSTACK_SEED={seed} repeats it): {e.Message}\n{taps.Relay}\n{e}");
            }
        }
    }

    /// <summary>A wire that did nothing would prove nothing.</summary>
    private static void SeeThatItWasSo(string wire, Relay relay, Far far, Dictionary<string, long> counters)
    {
        foreach (FaultyWire way in new[] { relay.ToA, relay.ToB })
        {
            bool happened = wire switch
            {
                "loss" => way.Lost > 0,
                "reorder" => way.Reordered > 0,
                "duplicate" => way.Duplicated > 0,
                "corrupt" => way.Corrupted > 0,
                "narrow" => way.Overflowed > 0,
                "all" => way.Lost > 0 && way.Reordered > 0 && way.Duplicated > 0 && way.Corrupted > 0,
                _ => way.Total > 0,
            };
            Assert.True(happened, "the wire was better than it should be");
        }
        if (far == Far.Kernel)
            return;
        Assert.Equal(0, counters["refused"]);
        if (wire == "corrupt")
            Assert.True(counters["bad"] > 0, "no checksum of ours saw damage");
    }
}
