using System;
using System.Net;
using Evilman.Text;
using Xunit;

namespace Evilman.Tests;

public class QuantityTests
{
    [Theory]
    [InlineData("64M", 64L << 20)]
    [InlineData("1G", 1L << 30)]
    [InlineData("512k", 512L << 10)]
    [InlineData("64MiB", 64L << 20)]
    [InlineData("4096", 4096)]
    [InlineData("0", 0)]
    public void Sizes_are_read_in_powers_of_1024(string text, long expected)
    {
        Assert.True(Quantity.TryBytes(text, out var bytes));
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("M")]
    [InlineData("-1M")]
    [InlineData("1.5G")]
    [InlineData("64X")]
    [InlineData("9999999999T")]
    public void Sizes_that_make_no_sense_are_refused(string text) => Assert.False(Quantity.TryBytes(text, out _));

    [Theory]
    [InlineData("30s", 30)]
    [InlineData("10m", 600)]
    [InlineData("2h", 7200)]
    [InlineData("7d", 604800)]
    [InlineData("45", 45)]
    public void Durations_are_read(string text, int seconds)
    {
        Assert.True(Quantity.TryDuration(text, out var duration));
        Assert.Equal(TimeSpan.FromSeconds(seconds), duration);
    }

    [Theory]
    [InlineData("10.1")]
    [InlineData("10.0.0.256")]
    [InlineData("010.077.0.1")]
    [InlineData("::1")]
    [InlineData("10.0.0.0.1")]
    [InlineData("")]
    public void Only_dotted_quads_are_addresses(string text) => Assert.False(Quantity.TryAddress(text, out _));

    [Theory]
    [InlineData("10.0.0.7/16", "10.0.0.7", 16, true)]
    [InlineData("10.0.0.7", "10.0.0.7", 24, true)]
    [InlineData("10.0.0.7/33", "10.0.0.7", 33, false)]
    [InlineData("10.0.0.7/", "10.0.0.7", 0, false)]
    public void Addresses_carry_a_prefix_length(string text, string address, int length, bool good)
    {
        Assert.Equal(good, Quantity.TryAddressWithLength(text, out var parsed, out var found));
        if (good)
            Assert.Equal((IPAddress.Parse(address), length), (parsed, found));
    }
}
