using System;

namespace Domain.Devices;

/// <summary>
/// The battery-backed clock of the PC: index port 0x70, data port 0x71 (Motorola MC146818A data sheet, register map).
/// </summary>
/// <remarks>
/// Only the clock answers; it shows the host's wall time in UTC and cannot be set. There is no alarm interrupt.
/// </remarks>
public sealed class Cmos : IDevice
{
    public const ushort Port = 0x70, PortCount = 2;

    private const byte Seconds = 0x00, Minutes = 0x02, Hours = 0x04, WeekDay = 0x06, Day = 0x07, Month = 0x08,
        Year = 0x09;
    private const byte StatusA = 0x0a, StatusB = 0x0b, StatusC = 0x0c, StatusD = 0x0d, Century = 0x32;
    private const byte Binary = 0x04, TwentyFourHours = 0x02, UpdateInProgress = 0x80, ValidRam = 0x80,
        Divider32768 = 0x26;

    // "UIP goes high 244 µs before the update": a guest that sees it clear has that long to read the time.
    private const long UpdateTicks = 2440;

    private readonly Func<DateTime> now;
    private byte index;
    private byte statusB = TwentyFourHours;

    public Cmos() : this(static () => DateTime.UtcNow)
    {
    }

    internal Cmos(Func<DateTime> now) => this.now = now;

    public ulong Read(ulong offset, int size) => offset == 1 ? ReadRegister() : 0xffu;

    public void Write(ulong offset, int size, ulong value)
    {
        if (offset == 0)
            index = (byte)(value & 0x7f);
        else if (index == StatusB)
            statusB = (byte)(value & (Binary | TwentyFourHours));
    }

    private byte ReadRegister()
    {
        var time = now();
        return index switch
        {
            Seconds => Encode(time.Second),
            Minutes => Encode(time.Minute),
            Hours => EncodeHour(time.Hour),
            WeekDay => Encode((int)time.DayOfWeek + 1),
            Day => Encode(time.Day),
            Month => Encode(time.Month),
            Year => Encode(time.Year % 100),
            Century => Encode(time.Year / 100),
            StatusA => (byte)(Divider32768
                | (time.Ticks % TimeSpan.TicksPerSecond >= TimeSpan.TicksPerSecond - UpdateTicks ? UpdateInProgress
                    : 0)),
            StatusB => statusB,
            StatusC => 0,
            StatusD => ValidRam,
            _ => 0,
        };
    }

    private byte EncodeHour(int hour)
    {
        if ((statusB & TwentyFourHours) != 0)
            return Encode(hour);
        int twelve = hour % 12 == 0 ? 12 : hour % 12;
        return (byte)(Encode(twelve) | (hour >= 12 ? 0x80 : 0));
    }

    private byte Encode(int value) => (byte)((statusB & Binary) != 0 ? value : value / 10 << 4 | value % 10);
}
