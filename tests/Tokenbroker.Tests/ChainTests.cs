using System;
using System.Runtime.InteropServices;
using Tokenbroker.Chains;
using Tokens;
using Wire;
using Xunit;

namespace Tokenbroker.Tests;

public sealed partial class ChainTests
{
    [Fact]
    public void Every_element_leads_to_the_end()
    {
        for (int length = 1; length <= 130; length++)
        {
            Pebbles pebbles = Pebbles.Create(length, out byte[] end);
            Assert.Equal(length, pebbles.Length);
            Assert.Equal(end, pebbles.Element(length));
            for (int index = 0; index <= length; index++)
                Assert.True(Leads(pebbles.Element(index), end, length - index),
                    $"{index} of {length}");
            Assert.Throws<ArgumentOutOfRangeException>(() => pebbles.Element(length + 1));
            Assert.Equal(pebbles.Element(1), pebbles.Paying(length));
        }
    }

    [Fact]
    public void Of_a_million_elements_a_thousand_are_kept_and_none_is_further_than_a_thousand_hashes()
    {
        double start = ProcessorSeconds();
        Pebbles pebbles = Pebbles.Create(1_000_000, out byte[] end);
        double made = ProcessorSeconds() - start;
        Assert.InRange(pebbles.Bytes.Length, 20 * 1000, 20 * 1001 + 8);
        Assert.True(made < 1, $"a million elements took {made:F2} s of a processor");
        Assert.Equal(end, pebbles.Element(1_000_000));
        foreach (int index in (int[])[0, 1, 998, 999, 1000, 499_999, 999_999])
        {
            start = ProcessorSeconds();
            byte[] element = pebbles.Element(index);
            double took = ProcessorSeconds() - start;
            Assert.True(took < made / 50, $"element {index} took {took:F4} s, all of them {made:F2} s");
            Assert.True(Leads(element, pebbles.Element(index + 1), 1), $"element {index}");
        }
    }

    private static bool Leads(byte[] element, byte[] known, int steps) => HashChain.Leads(
        in Certificates.AsDigest(element), in Certificates.AsDigest(known), (uint)steps);

    /// <summary>Of this thread, however busy the machine is.</summary>
    private static unsafe double ProcessorSeconds()
    {
        long* time = stackalloc long[2];
        // SAFETY: a struct timespec is two 64-bit integers on this platform. CLOCK_THREAD_CPUTIME_ID is 3
        // (clock_gettime(2)).
        Assert.Equal(0, clock_gettime(3, time));
        return time[0] + time[1] / 1e9;
    }

    [LibraryImport("libc")]
    private static unsafe partial int clock_gettime(int clock, long* time);
}
