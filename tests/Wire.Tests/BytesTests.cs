using System;
using Xunit;

namespace Wire.Tests;

public class BytesTests
{
    private static readonly byte[] s_pattern = [0x10, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76, 0x87, 0x98, 0xA9, 0xBA];

    [Fact]
    public void Integers_are_read_in_their_order_at_any_offset()
    {
        for (int at = 0; at < 4; at++)
        {
            ulong little = 0, big = 0;
            for (int i = 0; i < 8; i++)
            {
                little |= (ulong)s_pattern[at + i] << (8 * i);
                big = big << 8 | s_pattern[at + i];
            }
            Assert.Equal((ushort)little, Bytes.Le16(s_pattern, at));
            Assert.Equal((uint)little, Bytes.Le32(s_pattern, at));
            Assert.Equal(little, Bytes.Le64(s_pattern, at));
            Assert.Equal((ushort)(big >> 48), Bytes.Be16(s_pattern, at));
            Assert.Equal((uint)(big >> 32), Bytes.Be32(s_pattern, at));
        }
    }

    [Fact]
    public void Integers_are_written_in_their_order_and_nowhere_else()
    {
        for (int at = 0; at < 4; at++)
        {
            Written("8877", at, to => Bytes.PutLe16(to, at, 0x7788));
            Written("88776655", at, to => Bytes.PutLe32(to, at, 0x55667788));
            Written("8877665544332211", at, to => Bytes.PutLe64(to, at, 0x1122334455667788));
            Written("7788", at, to => Bytes.PutBe16(to, at, 0x7788));
            Written("55667788", at, to => Bytes.PutBe32(to, at, 0x55667788));
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    [InlineData(12)]
    [InlineData(11)]
    [InlineData(10)]
    public void An_offset_outside_the_span_is_a_broken_invariant(int at)
    {
        Assert.ThrowsAny<ArgumentException>(() => Bytes.Le16(s_pattern, at));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.Le32(s_pattern, at));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.Le64(s_pattern, at));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.Be16(s_pattern, at));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.Be32(s_pattern, at));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.PutLe16(new byte[11], at, 0));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.PutLe32(new byte[11], at, 0));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.PutLe64(new byte[11], at, 0));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.PutBe16(new byte[11], at, 0));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.PutBe32(new byte[11], at, 0));
    }

    [Fact]
    public void The_last_integer_that_fits_is_read_and_one_further_is_not()
    {
        Assert.Equal(0xBAA9, Bytes.Le16(s_pattern, 9));
        Assert.Equal(0xBAA99887, Bytes.Le32(s_pattern, 7));
        Assert.Equal(0xBAA9988776655443, Bytes.Le64(s_pattern, 3));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.Le32(s_pattern, 8));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.Le64(s_pattern, 4));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.PutBe32(new byte[11], 8, 0));
        Assert.ThrowsAny<ArgumentException>(() => Bytes.PutLe64(new byte[11], 4, 0));
    }

    private static void Written(string hex, int at, Action<byte[]> put)
    {
        byte[] found = new byte[14], right = new byte[14];
        Array.Fill<byte>(found, 0xEE);
        Array.Fill<byte>(right, 0xEE);
        Convert.FromHexString(hex).CopyTo(right, at);
        put(found);
        Assert.Equal(right, found);
    }
}
