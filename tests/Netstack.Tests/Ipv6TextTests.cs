using System;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Netstack.Tests;

/// <summary>Addresses of IPv6 in words of a command line, with the framework's reader as the witness.</summary>
public sealed class Ipv6TextTests
{
    [Theory]
    [InlineData("::", 64)]
    [InlineData("::1/128", 128)]
    [InlineData("fd00::3/64", 64)]
    [InlineData("2001:db8::/0", 0)]
    [InlineData("1:2:3:4:5:6:7:8/127", 127)]
    [InlineData("1::8", 64)]
    [InlineData("1:2:3::", 64)]
    [InlineData("ABCD:ef01::ffff:0:9", 64)]
    public void What_is_right_is_read_as_the_framework_reads_it(string text, int length)
    {
        Assert.True(Ipv6Text.TryParse(Encoding.ASCII.GetBytes(text), out Address address, out int prefixLength));
        Assert.Equal((IPAddress.Parse(text.Split('/')[0]).ToString(), length), (address.ToString(), prefixLength));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":::")]
    [InlineData("1")]
    [InlineData("1:")]
    [InlineData(":1::2")]
    [InlineData("1::2::3")]
    [InlineData("1:2:3:4:5:6:7")]
    [InlineData("1:2:3:4:5:6:7:8:9")]
    [InlineData("1:2:3:4::5:6:7:8")]
    [InlineData("1:2:3:4:5:6:7:8::")]
    [InlineData("12345::")]
    [InlineData("g::")]
    [InlineData("::1/")]
    [InlineData("::1/129")]
    [InlineData("::1/064")]
    [InlineData("::1/64/")]
    [InlineData("::1 ")]
    [InlineData("::1,::2")]
    [InlineData("::1.2.3.4")]
    public void What_is_not_right_is_refused(string text) =>
        Assert.False(Ipv6Text.TryParse(Encoding.ASCII.GetBytes(text), out _, out _));

    [Fact]
    public void Random_texts_are_read_as_the_framework_reads_them()
    {
        Random random = new(1);
        string[] parts = ["0", "1", "ab", "ffff", "00f0", ":", ":", ":", "::", "12345", "g"];
        int right = 0;
        for (int i = 0; i < 200_000; i++)
        {
            StringBuilder text = new();
            for (int n = random.Next(1, 18); n > 0; n--)
                text.Append(random.Next(4) == 0 ? parts[random.Next(parts.Length)] : text.Length > 0 && text[^1] != ':' ? ":" : random.Next(65536).ToString("x", CultureInfo.InvariantCulture));
            bool isRight = IPAddress.TryParse(text.ToString(), out IPAddress? witness) && witness.AddressFamily == AddressFamily.InterNetworkV6;
            Assert.True(isRight == Ipv6Text.TryParse(Encoding.ASCII.GetBytes(text.ToString()), out Address address, out _), text.ToString());
            if (!isRight)
                continue;
            right++;
            byte[] bytes = Ipv6Link.Bytes(address);
            Assert.Equal(witness!.GetAddressBytes(), bytes);
        }
        Assert.InRange(right, 1000, 199_000);
    }
}
