using System;
using System.Text;
using CsCheck;
using Xunit;

namespace Wire.Tests;

/// <summary>Numbers and addresses in words, beside .NET's own.</summary>
public sealed class DecimalTextTests
{
    [Theory]
    [InlineData("0", 255, true, 0, "")]
    [InlineData("255.", 255, true, 255, ".")]
    [InlineData("999999999999999999", 999_999_999_999_999_999, true, 999_999_999_999_999_999, "")]
    [InlineData("256", 255, false, 0, "")]
    [InlineData("00", 255, false, 0, "")]
    [InlineData("010", 255, false, 0, "")]
    [InlineData("", 255, false, 0, "")]
    [InlineData("-1", 255, false, 0, "")]
    [InlineData("x", 255, false, 0, "")]
    [InlineData("99999999999999999999999999999999999999", 999_999_999_999_999_999, false, 0, "")]
    [InlineData("18446744073709551617", 255, false, 0, "")]
    public void Numbers(string text, ulong maximum, bool isGood, ulong value, string rest)
    {
        ReadOnlySpan<byte> bytes = Encoding.ASCII.GetBytes(text);
        Assert.Equal(isGood, DecimalText.TakeNumber(ref bytes, maximum, out ulong taken));
        if (isGood)
            Assert.Equal((value, rest), (taken, Encoding.ASCII.GetString(bytes)));
    }

    [Theory]
    [InlineData("10.0.0.1", 0x0a000001u, "")]
    [InlineData("255.255.255.255/24", 0xffffffffu, "/24")]
    [InlineData("0.0.0.0,1", 0u, ",1")]
    [InlineData("10.0.0", null, "")]
    [InlineData("10.0.0.", null, "")]
    [InlineData("10.0.0.256", null, "")]
    [InlineData("010.077.0.1", null, "")]
    [InlineData("10,0.0.1", null, "")]
    public void Addresses(string text, uint? address, string rest)
    {
        ReadOnlySpan<byte> bytes = Encoding.ASCII.GetBytes(text);
        Assert.Equal(address != null, DecimalText.TakeAddress(ref bytes, out uint taken));
        if (address != null)
            Assert.Equal((address.Value, rest), (taken, Encoding.ASCII.GetString(bytes)));
    }

    [Fact]
    public void What_is_written_is_read() => Gen.Select(Gen.ULong[0, 999_999_999_999_999_999], Gen.ULong[0, 999_999_999_999_999_999]).Sample((number, maximum) =>
    {
        ReadOnlySpan<byte> bytes = Encoding.ASCII.GetBytes($"{number} ");
        return DecimalText.TakeNumber(ref bytes, maximum, out ulong taken) == number <= maximum && (number > maximum || (taken == number && bytes.Length == 1));
    });
}
