using System;
using System.Diagnostics;
using System.Globalization;
using Testing;
using Testing.Machines;
using Xunit;

namespace Migration.Tests;

/// <summary>
/// Moves in a row, every one checked: what is in memory and in files, the connection that has been open since the boot,
/// and both consoles. Ordinarily a few of a small guest; with SOAK_MINUTES (make soak MINUTES=…) fifty of each kind, as
/// long as the time lasts, of the sizes in SOAK_SIZES and the uses in SOAK_USES. Each destination's monitor is the next
/// of SOAK_MONITORS, round and round; QEMU is every fourth where nothing is said.
/// </summary>
public sealed class SoakTests(SoakReport report) : IClassFixture<SoakReport>
{
    private const int MaxMoves = 50, FewMoves = 3;

    internal static readonly double Minutes =
        double.TryParse(Environment.GetEnvironmentVariable("SOAK_MINUTES"), CultureInfo.InvariantCulture, out double minutes) ? minutes : 0;

    /// <summary>Memory in MiB, and what of it is in use how.</summary>
    public static TheoryData<int, string> Kinds()
    {
        var kinds = new TheoryData<int, string>();
        foreach (string size in Minutes > 0 ? Words("SOAK_SIZES", "64 256 1024 3000") : ["64"])
            foreach (string use in Minutes > 0 ? Words("SOAK_USES", "empty full scattered busy") : ["busy"])
                kinds.Add(int.Parse(size, CultureInfo.InvariantCulture), use);
        return kinds;
    }

    private static string[] Words(string variable, string otherwise) =>
        (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } given ? given : otherwise).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    [RootTheory, MemberData(nameof(Kinds))]
    public void Moves_in_a_row(int memory, string use)
    {
        report.Begin(memory, use);
        try
        {
            MoveInARow(memory, use);
        }
        catch (Exception failure)
        {
            report.Failed(failure);
            throw;
        }
    }

    private void MoveInARow(int memory, string use)
    {
        using var space = new Space();
        using var guest = new Guest(space, "domain", memory);
        Prepare(guest, use);
        report.Ready();
        int most = Minutes > 0 ? MaxMoves : FewMoves;
        string[] monitors = Words("SOAK_MONITORS", "domain qemu domain domain");
        for (int moves = 0; moves < most && (Minutes == 0 || report.HasTime); moves++)
        {
            guest.LongestSilence();
            var clock = Stopwatch.StartNew();
            Move(guest, monitors[moves % monitors.Length], moves);
            TimeSpan took = clock.Elapsed;
            guest.Hear(20);
            TimeSpan freeze = guest.LongestSilence();
            guest.CheckLoads();
            report.Moved(most, took, freeze);
        }
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
        var destination = new Machine(guest.Space, monitor, Repository.ReadImage("loader-checkpoint"), guest.Memory, $"10.0.0.{10 + number}");
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
