using System;

namespace Board;

/// <summary>The wall clock at ports 0x70 and 0x71 (Motorola MC146818A), read as UTC.</summary>
public static class CmosClock
{
    private const byte StatusA = 0x0a;
    private const byte StatusB = 0x0b;
    private const byte UpdateInProgress = 0x80;
    private const byte Binary = 0x04;
    private const byte TwentyFourHours = 0x02;
    private const byte AfterNoon = 0x80;

    private static byte Read(byte register)
    {
        Port.Out8(0x70, register);
        return Port.In8(0x71);
    }

    /// <summary>The seconds register as it is: it changes once a second.</summary>
    public static byte RawSeconds => Read(0);

    /// <summary>Seconds since 1970-01-01, leap seconds not counted; years 2000 to 2099.</summary>
    public static ulong ReadUnixSeconds()
    {
        // Two equal readings: the clock may tick between two registers.
        ulong last = ReadOnce();
        for (int tries = 0; tries < 1000; tries++)
        {
            ulong next = ReadOnce();
            if (next == last)
                break;
            last = next;
        }
        return last;
    }

    private static ulong ReadOnce()
    {
        for (int patience = 0; patience < 100_000 && (Read(StatusA) & UpdateInProgress) != 0; patience++)
            Processor.Pause();
        byte form = Read(StatusB);
        byte rawHour = Read(4);
        uint second = Number(Read(0), form);
        uint minute = Number(Read(2), form);
        uint hour = Number((byte)(rawHour & ~AfterNoon), form);
        uint day = Number(Read(7), form);
        uint month = Number(Read(8), form);
        uint year = 2000 + Number(Read(9), form);
        if ((form & TwentyFourHours) == 0)
            hour = hour % 12 + ((rawHour & AfterNoon) != 0 ? 12u : 0);
        return DaysSince1970(year, month, day) * 86400UL + hour * 3600 + minute * 60 + second;
    }

    private static uint Number(byte value, byte form) =>
        (form & Binary) != 0 ? value : (uint)((value >> 4) * 10 + (value & 15));

    /// <summary>
    /// Days of the Gregorian calendar, counted in years that begin in March so that the leap day comes last.
    /// </summary>
    private static uint DaysSince1970(uint year, uint month, uint day)
    {
        if (month < 3)
        {
            year--;
            month += 12;
        }
        return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;
    }
}
