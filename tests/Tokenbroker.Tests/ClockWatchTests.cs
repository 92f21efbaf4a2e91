using Tokenbroker.Http;
using Xunit;

namespace Tokenbroker.Tests;

public sealed class ClockWatchTests
{
    private const long Start = 1_800_000_000, Day = 86400;

    private long now = Start;
    private long elapsed = 5000;

    private ClockWatch Watch => new(() => now, () => elapsed);

    private void Pass(long seconds)
    {
        now += seconds;
        elapsed += 1000 * seconds;
    }

    [Fact]
    public void A_clock_that_goes_on_as_time_does_is_trusted_however_long_nobody_looked()
    {
        ClockWatch watch = Watch;
        foreach (long seconds in (long[])[5, 0, 400 * Day, 5])
        {
            Pass(seconds);
            Assert.Equal((0, true), (watch.Look(), watch.IsTrusted));
        }
    }

    [Fact]
    public void After_it_was_set_on_nothing_lapses_for_an_hour()
    {
        ClockWatch watch = Watch;
        Pass(5);
        now += 365 * Day;
        Assert.Equal((365 * Day, false), (watch.Look(), watch.IsTrusted));
        Pass(ClockWatch.Patience - 1);
        Assert.Equal((0, false), (watch.Look(), watch.IsTrusted));
        Pass(1);
        Assert.Equal((0, true), (watch.Look(), watch.IsTrusted));
    }

    [Fact]
    public void Set_on_again_it_has_another_hour()
    {
        ClockWatch watch = Watch;
        now += Day;
        watch.Look();
        Pass(ClockWatch.Patience - 1);
        now += Day;
        Assert.Equal(Day, watch.Look());
        Pass(ClockWatch.Patience - 1);
        watch.Look();
        Assert.False(watch.IsTrusted);
    }

    [Fact]
    public void Steps_of_some_minutes_and_those_back_lapse_nothing_too_early()
    {
        ClockWatch watch = Watch;
        now += ClockWatch.Tolerance;
        Assert.Equal((0, true), (watch.Look(), watch.IsTrusted));
        now -= Day;
        Assert.Equal((0, true), (watch.Look(), watch.IsTrusted));
        now += Day; // set right again
        Assert.Equal((Day, false), (watch.Look(), watch.IsTrusted));
    }
}
