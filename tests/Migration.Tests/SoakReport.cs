using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Migration.Tests;

/// <summary>
/// What a soak says while it runs, line by line into the file that SOAK_LOG names (a test runner keeps what tests print until they end),
/// and the table at its end. It also shares out the time: what one kind does not need is for those after it.
/// </summary>
public sealed class SoakReport : IDisposable
{
    private sealed record Kind(int Memory, string Use)
    {
        public List<double> Freezes { get; } = [];

        public double Seconds { get; set; }

        public int Failures { get; set; }
    }

    private static readonly string? s_file = Environment.GetEnvironmentVariable("SOAK_LOG");
    private readonly List<Kind> kinds = [];
    private readonly DateTime end = DateTime.Now.AddMinutes(SoakTests.Minutes);
    private readonly int expected = SoakTests.Kinds().Count();
    private DateTime begun, shareEnd;

    private Kind Current => kinds[^1];

    public void Begin(int memory, string use)
    {
        begun = DateTime.Now;
        shareEnd = begun + (end - begun) / Math.Max(1, expected - kinds.Count);
        kinds.Add(new Kind(memory, use));
        Say($"{memory} MiB {use}, kind {kinds.Count} of {expected}: until {shareEnd:HH:mm:ss} at most; all of it until {end:HH:mm}");
    }

    /// <summary>The guest is there and has its load.</summary>
    public void Ready() => Say($"{Current.Memory} MiB {Current.Use}: ready after {(DateTime.Now - begun).TotalSeconds:0} s");

    /// <summary>Whether the kind has time left. Everyone gets at least one move.</summary>
    public bool HasTime => Current.Freezes.Count == 0 || DateTime.Now < shareEnd;

    /// <param name="took">The move, without what is looked at afterwards.</param>
    public void Moved(int most, TimeSpan took, TimeSpan freeze)
    {
        Current.Freezes.Add(freeze.TotalMilliseconds);
        Current.Seconds += took.TotalSeconds;
        int moves = Current.Freezes.Count;
        DateTime now = DateTime.Now, at = now + (now - begun) / moves * (most - moves);
        DateTime until = at < shareEnd ? at : shareEnd;
        Say($"{Current.Memory} MiB {Current.Use}: move {moves} of {most} in {took.TotalSeconds:0.0} s, frozen {freeze.TotalMilliseconds:0} ms; until {until:HH:mm:ss}");
    }

    public void Failed(Exception failure)
    {
        Current.Failures++;
        Say($"{Current.Memory} MiB {Current.Use}: FAILED in move {Current.Freezes.Count + 1}: {failure.Message.ReplaceLineEndings(" | ")}");
    }

    private static void Say(FormattableString line) => Write("soak: " + line.ToString(CultureInfo.InvariantCulture));

    private static void Write(string line)
    {
        if (s_file is { Length: > 0 })
            File.AppendAllText(s_file, line + "\n");
    }

    public void Dispose()
    {
        Write("  MiB  use        moves  failures  move, mean s  freeze, median ms  worst ms");
        foreach (Kind kind in kinds.OrderBy(kind => kind.Memory))
        {
            kind.Freezes.Sort();
            int moves = kind.Freezes.Count;
            (double mean, double median, double worst) = moves == 0 ? (0, 0, 0) : (kind.Seconds / moves, kind.Freezes[moves / 2], kind.Freezes[^1]);
            Write(string.Create(CultureInfo.InvariantCulture,
                $"{kind.Memory,5}  {kind.Use,-9}  {moves,5}  {kind.Failures,8}  {mean,12:0.0}  {median,17:0}  {worst,8:0}"));
        }
    }
}
