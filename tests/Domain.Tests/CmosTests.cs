using System;
using Domain.Devices;
using Xunit;

namespace Domain.Tests;

public class CmosTests
{
    private DateTime now = new(2031, 12, 5, 23, 58, 9, DateTimeKind.Utc);

    private ulong Read(Cmos cmos, byte register)
    {
        cmos.Write(0, 1, register);
        return cmos.Read(1, 1);
    }

    [Fact]
    public void Tells_the_time_in_decimal_digits()
    {
        var cmos = new Cmos(() => now);
        ulong[] shown = [Read(cmos, 0), Read(cmos, 2), Read(cmos, 4), Read(cmos, 7), Read(cmos, 8), Read(cmos, 9), Read(cmos, 0x32)];
        Assert.Equal(new ulong[] { 0x09, 0x58, 0x23, 0x05, 0x12, 0x31, 0x20 }, shown);
        Assert.Equal(0x80ul, Read(cmos, 0x8d));   // the top bit of the index masks NMI and is not part of it
    }

    [Fact]
    public void Tells_the_time_in_binary_and_twelve_hours()
    {
        var cmos = new Cmos(() => now);
        cmos.Write(0, 1, 0x0b);
        cmos.Write(1, 1, 0x04);
        Assert.Equal(58ul, Read(cmos, 2));
        Assert.Equal(0x8bul, Read(cmos, 4));   // 11 pm
    }

    [Fact]
    public void Warns_before_the_second_changes()
    {
        var cmos = new Cmos(() => now);
        Assert.Equal(0ul, Read(cmos, 0x0a) & 0x80);
        now = now.AddTicks(TimeSpan.TicksPerSecond - 1000);
        Assert.Equal(0x80ul, Read(cmos, 0x0a) & 0x80);
    }

    [Fact]
    public void Cannot_be_set()
    {
        var cmos = new Cmos(() => now);
        cmos.Write(0, 1, 9);
        cmos.Write(1, 1, 0x99);
        Assert.Equal(0x31ul, Read(cmos, 9));
    }
}
