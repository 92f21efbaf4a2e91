using System;
using System.Diagnostics;
using System.Globalization;

namespace Testing;

/// <summary>
/// A loop over random cases: a fixed number of them in the suite, or as many as fit into RANDOM_MINUTES. RANDOM_SEED chooses the cases
/// again that a run told of. ToString says how far it got, for messages.
/// </summary>
public sealed class RandomRun
{
    private const string MinutesVariable = "RANDOM_MINUTES", SeedVariable = "RANDOM_SEED";

    private readonly int cases;
    private readonly TimeSpan? duration;
    private readonly long start = Stopwatch.GetTimestamp();

    /// <param name="cases">How many where no duration is given.</param>
    public RandomRun(int cases)
    {
        this.cases = cases;
        if (Environment.GetEnvironmentVariable(MinutesVariable) is { Length: > 0 } minutes)
            duration = TimeSpan.FromMinutes(double.Parse(minutes, CultureInfo.InvariantCulture));
        string? seed = Environment.GetEnvironmentVariable(SeedVariable);
        Seed = string.IsNullOrEmpty(seed) ? Environment.TickCount : int.Parse(seed, CultureInfo.InvariantCulture);
        Random = new Random(Seed);
    }

    public int Seed { get; }

    public Random Random { get; }

    /// <summary>The cases that have begun.</summary>
    public int Begun { get; private set; }

    /// <summary>Whether there is another case.</summary>
    public bool Next()
    {
        bool goesOn = this.duration is { } duration ? Stopwatch.GetElapsedTime(start) < duration : Begun < cases;
        if (goesOn)
            Begun++;
        return goesOn;
    }

    public override string ToString() => $"seed {Seed}, case {Begun}";
}
