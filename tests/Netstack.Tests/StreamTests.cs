using System;
using System.Globalization;
using System.Linq;
using Xunit;

namespace Netstack.Tests;

/// <summary>Two stacks, a faulty wire each way, virtual time: exactly the bytes sent arrive, and the end of the stream.</summary>
public sealed unsafe class StreamTests
{
    private const uint A = 0x0a000001, B = 0x0a000002;

    public static TheoryData<string, int> Cases
    {
        get
        {
            TheoryData<string, int> data = [];
            foreach (string wire in new[] { "clean", "loss", "heavy", "reorder", "duplicate", "corrupt", "all", "jitter" })
            {
                for (int seed = 1; seed <= Seeds.Count; seed++)
                    data.Add(wire, seed);
            }
            return data;
        }
    }

    internal static FaultRates Rates(string name) => name switch
    {
        "clean" => new FaultRates(),
        "loss" => new FaultRates(Loss: 0.02),
        "heavy" => new FaultRates(Loss: 0.15),
        "reorder" => new FaultRates(Reorder: 0.1),
        "duplicate" => new FaultRates(Duplicate: 0.2),
        "corrupt" => new FaultRates(Corrupt: 0.05),
        "all" => new FaultRates(Loss: 0.03, Duplicate: 0.03, Reorder: 0.05, Corrupt: 0.02, Jitter: 500_000),
        _ => new FaultRates(Delay: 20_000_000, Jitter: 30_000_000),
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void BothWays(string wire, int seed)
    {
        using TwoHosts pair = new(Rates(wire), seed, A, B);
        pair.RunStreams(1_000_000, 700_000);
    }
}

/// <summary>How many seeds: 4, or what NETSTACK_SEEDS says, for a longer hunt.</summary>
internal static class Seeds
{
    internal static int Count { get; } = (int)(Setting("NETSTACK_SEEDS") ?? 4);

    /// <summary>In real time one seed is enough: the first, the first NETSTACK_SEEDS, or NETSTACK_SEED alone, to repeat a failure.</summary>
    internal static int[] OfRelay { get; } = Setting("NETSTACK_SEED") is long seed ? [(int)seed] : [.. Enumerable.Range(1, (int)(Setting("NETSTACK_SEEDS") ?? 1))];

    /// <summary>NETSTACK_BYTES: how much each connection of the relay's tests moves each way.</summary>
    internal static long? Bytes { get; } = Setting("NETSTACK_BYTES");

    private static long? Setting(string name) =>
        long.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : null;

    public static TheoryData<int> All
    {
        get
        {
            TheoryData<int> data = [];
            for (int seed = 1; seed <= Count; seed++)
                data.Add(seed);
            return data;
        }
    }
}
