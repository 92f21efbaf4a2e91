using System;
using System.Diagnostics;
using System.Globalization;
using System.Threading;
using Xunit;
using Xunit.Abstractions;

namespace Domain.Tests.DeviceFuzz;

/// <summary>
/// No sequence of accesses, frames and keys makes a device leave RAM, throw, hang or grow. Sixty machines here; <c>make fuzz-devices
/// MINUTES=10</c> for more, which sets DEVICE_FUZZ_MINUTES. DEVICE_FUZZ_SEED repeats one case.
/// </summary>
public sealed class DeviceFuzzTests(ITestOutputHelper output)
{
    /// <summary>The share of every run: work, not time, so that a slow machine looks for as much as a fast one.</summary>
    private const int StepsOfALife = 4000, Lives = 60;

    [Fact]
    public void Nothing_that_a_driver_does_hurts_anything_but_its_device()
    {
        string? minutes = Environment.GetEnvironmentVariable("DEVICE_FUZZ_MINUTES"), one = Environment.GetEnvironmentVariable("DEVICE_FUZZ_SEED");
        var time = TimeSpan.FromMinutes(minutes is null ? 0 : double.Parse(minutes, CultureInfo.InvariantCulture));
        int seed = one is null ? Environment.TickCount & 0x3fff_ffff : int.Parse(one, CultureInfo.InvariantCulture);
        // Where a device leaves mapped memory altogether, this line is the last.
        Console.WriteLine($"device fuzzer: seed {seed}");

        using var fuzzer = new DeviceFuzzer();
        int lives = 0;
        Exception? failure = null;
        var watch = Stopwatch.StartNew();
        var thread = new Thread(() =>
        {
            try
            {
                do
                {
                    fuzzer.Run(seed + lives, StepsOfALife);
                    lives++;
                }
                while (one is null && (watch.Elapsed < time || lives < Lives));
            }
            catch (Exception error)
            {
                failure = error;
            }
        }) { IsBackground = true };
        thread.Start();
        // A step that never ends is found here; what it was is the seed's, and the number of steps says how far it got.
        for (long steps = -1; !thread.Join(TimeSpan.FromSeconds(60)); steps = fuzzer.Steps)
            Assert.True(fuzzer.Steps != steps, $"seed {seed + lives}: nothing moves after {fuzzer.Steps % StepsOfALife} steps");
        if (failure is not null)
            Assert.Fail($"{failure.Message}\n{failure.InnerException}");
        string said = $"device fuzzer: seed {seed}, {lives} machines, {fuzzer.Steps} steps, {fuzzer.Starts} starts, {fuzzer.Frames} frames, " +
            $"{fuzzer.ConsoleBytes} characters, {fuzzer.Interrupts} interrupts";
        output.WriteLine(said);
        Console.WriteLine(said);
        Assert.True(one is not null || (fuzzer.Frames > 200 && fuzzer.ConsoleBytes > 200 && fuzzer.Interrupts > 200), "it reaches little");
    }
}
