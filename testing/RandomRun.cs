using System;
using System.Diagnostics;
using System.Globalization;

namespace Testing;

/// <summary>
/// A loop over random cases: a fixed number of them in the suite, RANDOM_CASES of them, or as many as fit into RANDOM_MINUTES.
/// RANDOM_SEED chooses the cases again that a run told of. ToString says how far it got, for messages.
/// </summary>
public sealed class RandomRun
{
    private const string MinutesVariable = "RANDOM_MINUTES", CasesVariable = "RANDOM_CASES", SeedVariable = "RANDOM_SEED";

    private readonly int cases;
    private readonly TimeSpan? duration;
    private readonly long start = Stopwatch.GetTimestamp();

    /// <param name="cases">How many where neither a number nor a duration is given.</param>
    public RandomRun(int cases)
    {
        this.cases = Cases(cases);
        if (Environment.GetEnvironmentVariable(MinutesVariable) is { Length: > 0 } minutes)
            duration = TimeSpan.FromMinutes(double.Parse(minutes, CultureInfo.InvariantCulture));
        string? seed = Environment.GetEnvironmentVariable(SeedVariable);
        Seed = string.IsNullOrEmpty(seed) ? Environment.TickCount : int.Parse(seed, CultureInfo.InvariantCulture);
        Random = new Random(Seed);
    }

    /// <summary>How many cases: RANDOM_CASES, otherwise so many.</summary>
    public static int Cases(int otherwise) => Environment.GetEnvironmentVariable(CasesVariable) is { Length: > 0 } cases
        ? int.Parse(cases, CultureInfo.InvariantCulture) : otherwise;

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
