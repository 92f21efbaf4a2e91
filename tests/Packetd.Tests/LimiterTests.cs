using System;
using Xunit;

namespace Packetd.Tests;

/// <summary>Sources that share a bucket share the allowance: nobody may choose whose he shares.</summary>
public sealed class LimiterTests
{
    private const uint Gateway = 0x0a4d0001; // 10.77.0.1

    /// <summary>A node's whole /24, over ten seconds of several nodes.</summary>
    [Fact]
    public void No_address_spends_another_ones_allowance_for_long()
    {
        const int Secrets = 20, Tenths = 100;
        int all = 0, worst = 0;
        for (uint address = Gateway + 1; address < Gateway + 254; address++)
        {
            int shared = 0;
            for (uint secret = 1; secret <= Secrets; secret++)
                for (ulong tenth = 1; tenth <= Tenths; tenth++)
                    shared += Shares(secret * 0x6C078965, tenth, address) ? 1 : 0;
            all += shared;
            worst = Math.Max(worst, shared);
        }
        // Two of 256 are what chance gives: neighbouring buckets count as hit from either side.
        Assert.InRange(all / (253.0 * Secrets * Tenths), 0.001, 0.012);
        Assert.True(worst < Secrets * Tenths / 20, $"one address hits the gateway in {worst} of {Secrets * Tenths}");
    }

    /// <summary>Whether the gateway has less left when the address has spent all.</summary>
    private static bool Shares(uint secret, ulong tenth, uint address)
    {
        var limiter = new Limiter(new ushort[Limiter.Size], secret);
        for (ulong at = 1; at <= tenth; at++)
            limiter.Tick(at);
        for (int i = 0; i < 10; i++)
            limiter.Allows(AnswerKind.Group, address);
        return !limiter.Allows(AnswerKind.Group, Gateway);
    }
}
