using System;
using System.Linq;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>The shipped binary by a clock that jumps and stands still. Tests/ModelTests.cs has the random sequences.</summary>
public class ClockTests
{
    private const uint Boot = 0x0A000032, Other = 0x0A000033, Third = 0x0A000034;
    private const ulong Started = TestHost.Started, Noon = Started + 100, Day = 86_400;

    private static FalseClock BeforeStart() => new() { Time = (Started - 1, 0) };

    private static byte[] Token(int seed, uint boot, ulong issued) => new Tokens { Seed = seed, Boot = boot, Issued = issued, Expires = issued + 100 }.Payload();

    [RootFact]
    public void A_clock_that_steps_back_and_forth_loses_no_frame_and_sells_nothing_twice()
    {
        using FalseClock clock = BeforeStart();
        using var lab = new Lab(clock, null);
        byte[] first = Token(1, Boot, Noon), second = Token(2, Other, Noon);
        lab.SetTime(Noon);
        Assert.Equal(Refusal.None, lab.Ping(first));
        Assert.Equal(10, lab.RoundTrips(Boot, 10));

        lab.SetTime(Noon - 3600);
        Assert.Equal([Refusal.TooEarly, Refusal.TooEarly, Refusal.IssuedBeforeStart],
            [lab.Ping(first), lab.Ping(second), lab.Ping(Token(3, Other, Noon - 3601))]);
        Assert.Equal(10, lab.RoundTrips(Boot, 10));

        lab.SetTime(Noon + 50);
        Assert.Equal([Refusal.Replayed, Refusal.None], [lab.Ping(first), lab.Ping(second)]);

        lab.SetTime(Noon + Day);
        Assert.Equal([Refusal.Expired, Refusal.Expired, Refusal.None], [lab.Ping(first), lab.Ping(second), lab.Ping(Token(4, Third, Noon + Day))]);
        Assert.Equal(10, lab.RoundTrips(Boot, 10));

        // One of the two was forgotten for the third; what expires no later is expired from now on.
        lab.SetTime(Noon + 60);
        Refusal?[] again = [lab.Ping(first), lab.Ping(second)];
        Assert.All(again, refusal => Assert.True(refusal is Refusal.Expired or Refusal.Replayed, $"{refusal}"));
        Assert.Equal(10, lab.RoundTrips(Boot, 10));
        lab.Order(Boot, 1, 0);
        Assert.Equal(new Counters(40, 41, 0, 0), lab.Ended(0, "exit code 0"));
        Assert.Equal(3, lab.Log.Count(line => line.Contains("started for", StringComparison.Ordinal)));
    }

    [RootFact]
    public void While_the_clock_stands_still_each_source_has_the_answers_of_one_tenth_of_a_second()
    {
        using FalseClock clock = BeforeStart();
        using var lab = new Lab(clock, null);
        lab.SetTime(Noon);
        byte[] bad = (new Tokens { Key = new byte[16] }).Payload();
        byte[] ask = Frames.Arp(1, Frames.ClientMac, TestHost.Client, TestHost.Node, Frames.Mac(TestHost.Node));
        byte[] toAll = Frames.Ipv4(Frames.Broadcast, Frames.ClientMac, TestHost.Client, 0xFFFFFFFF, 17, new byte[20]);
        Assert.Equal((10, 100), (Answers(30, Frames.Echo(bad), IsEcho), Answers(150, ask, frame => frame[13] == 6)));
        // No allowance stands before a token that is good.
        Assert.Equal(Refusal.None, lab.Ping(Token(1, Boot, Noon)));
        Answers(150, toAll, _ => false);
        lab.WaitForLine("started for");
        Assert.Equal(10, lab.Log.Count(line => line.Contains("refused a magic ping", StringComparison.Ordinal)));

        // Another tenth, though an earlier one.
        lab.SetTime(Noon - 1);
        Assert.Equal((10, 100), (Answers(30, Frames.Echo(bad), IsEcho), Answers(150, ask, frame => frame[13] == 6)));
        Answers(150, toAll, _ => false);
        Assert.Equal(1, lab.RoundTrips(Boot, 1));
        lab.Order(Boot, 1, 0);
        // A puppet sends a frame to all back in the name of all.
        Assert.Equal(new Counters(1, 22, 0, 20), lab.Ended(0, "exit code 0"));
        Assert.Equal(20, lab.Log.Count(line => line.Contains("refused a magic ping", StringComparison.Ordinal)));

        static bool IsEcho(byte[] frame) => frame.Length == 42 + MagicReply.Size && frame[13] == 0 && frame[34] == 0;

        // A ping comes back when the node has seen all that was sent before.
        int Answers(int count, byte[] packet, Predicate<byte[]> counts)
        {
            for (int i = 0; i < count; i++)
                lab.Send(packet);
            lab.Send(Frames.Echo([5]));
            int answers = 0;
            Assert.NotNull(lab.Await(frame =>
            {
                answers += counts(frame) ? 1 : 0;
                return frame.Length == 43 && frame[34] == 0;
            }));
            return answers;
        }
    }
}
