using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using Cstrap.Tests;
using Xunit;
using Xunit.Abstractions;

namespace Migration.Tests;

/// <summary>
/// Moves in a row, every one checked: what is in memory and in files, the connection that has been open since the boot,
/// and both consoles. Ordinarily a few of a small guest; with SOAK_MINUTES (make soak MINUTES=…) fifty of each kind, as
/// long as the time lasts.
/// </summary>
public sealed class SoakTests(ITestOutputHelper output)
{
    private const int MostMoves = 50, FewMoves = 3;

    private static readonly double Minutes =
        double.TryParse(Environment.GetEnvironmentVariable("SOAK_MINUTES"), CultureInfo.InvariantCulture, out double minutes) ? minutes : 0;

    /// <summary>Memory in MiB, and what of it is in use how.</summary>
    public static TheoryData<int, string> Kinds()
    {
        var kinds = new TheoryData<int, string>();
        int[] sizes = Minutes > 0 ? [64, 256, 1024, 3000] : [64];
        foreach (int size in sizes)
            foreach (string use in Minutes > 0 ? (string[])["empty", "full", "scattered", "busy"] : ["busy"])
                kinds.Add(size, use);
        return kinds;
    }

    [RootTheory, MemberData(nameof(Kinds))]
    public void Moves_in_a_row(int memory, string use)
    {
        var clock = Stopwatch.StartNew();
        TimeSpan share = TimeSpan.FromMinutes(Minutes / Kinds().Count());
        using var space = new Space();
        using var guest = new Guest(space, "domain", memory);
        Prepare(guest, use);
        List<double> silences = [];
        int moves = 0;
        while (moves < (Minutes > 0 ? MostMoves : FewMoves) && (moves == 0 || Minutes == 0 || clock.Elapsed < share))
        {
            guest.LongestSilence();
            Move(guest, moves % 4 == 1 ? "qemu" : "domain", moves);
            guest.CheckLoads();
            guest.Hear(20);
            silences.Add(guest.LongestSilence().TotalMilliseconds);
            moves++;
        }
        silences.Sort();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"soak: {memory,4} MiB {use,-9} {moves,2} moves, silence median {silences[moves / 2],6:0} ms, longest {silences[^1],6:0} ms"));
    }

    private static void Prepare(Guest guest, string use)
    {
        switch (use)
        {
            case "full":
                guest.Load("fill", 80);
                break;
            case "scattered":
                guest.Load("scatter", 98);
                break;
            case "busy":
                guest.Load("files", Math.Min(guest.Memory * 16, 8000));
                guest.Load("write", guest.Memory * 4);
                guest.Load("rewrite", guest.Memory * 4);
                for (int i = 0; i < 4; i++)
                    guest.Load("touch", 20);
                break;
        }
    }

    private static void Move(Guest guest, string monitor, int number)
    {
        Machine source = guest.Source;
        var destination = new Machine(guest.Space, monitor, Machine.Bytes("loader-checkpoint"), guest.Memory, $"10.0.0.{10 + number}");
        try
        {
            string said = guest.Migrate("--checksum", destination.Boot);
            Assert.True(said.EndsWith("exit 0", StringComparison.Ordinal), $"{said}\n{source.Console}");
            guest.Source = destination;
            Assert.True(source.HasEnded(10_000), "the source goes on running");
            foreach (string console in new[] { source.Console, destination.Console })
                Assert.False(console.Contains("panic", StringComparison.Ordinal) || console.Contains("unnoticed", StringComparison.Ordinal), console);
        }
        finally
        {
            (guest.Source == destination ? source : destination).Dispose();
        }
    }
}
