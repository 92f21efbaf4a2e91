using Board;
using Xunit;

namespace Cstrap.Tests;

/// <summary>How fast a machine's clock is found to run when the machine does not say.</summary>
public sealed class TimeTests
{
    private const uint CounterKilohertz = 2_400_000, TimerKilohertz = 1_000_000;

    /// <summary>An emulator that its host puts aside for a while, whenever that happens, has no machine whose time runs too fast or too slow.</summary>
    [Fact]
    public void A_pause_between_two_readings_misleads_nobody()
    {
        for (int at = 0; at < 200; at++)
        {
            TimeSource source = Measure(at);
            Assert.Equal(TimerKilohertz, source.TimerKilohertz);
            Assert.True(source.CounterKilohertz is > CounterKilohertz / 100 * 99 and < CounterKilohertz / 100 * 101,
                $"a pause at reading {at} makes a counter of {CounterKilohertz} kHz one of {source.CounterKilohertz}");
        }
    }

    /// <param name="pause">The reading, from the first and again every 1,000, before which 200 ms pass.</param>
    private static TimeSource Measure(int pause)
    {
        const ulong Reading = 20_000, Pause = 200_000_000; // nanoseconds
        ulong now = 0;
        int readings = 0;
        Processor.Leaves = leaf => leaf switch
        {
            1 => [0, 0, 1u << 31, 0],
            0x40000000 => [0x40000001, 0x54474354, 0x43544743, 0x47435447],
            _ => [0, 0, 0, 0],
        };
        Processor.Counter = () => Tick() * CounterKilohertz / 1_000_000;
        return TimeSource.Measure(new LocalApic(() => (uint)(uint.MaxValue - Tick() * TimerKilohertz / 1_000_000)));

        ulong Tick()
        {
            now += Reading;
            if (readings++ % 1000 == pause)
                now += Pause;
            return now;
        }
    }
}
