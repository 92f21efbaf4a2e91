using System;
using System.Globalization;
using System.Net;

namespace Evilman.Run;

/// <summary>What a guest says of itself (<see cref="Job.Look"/>).</summary>
/// <param name="Code">The job's exit code, once it has ended.</param>
/// <param name="Boot">The boot address of the machine that it is in, which its network card is named after.</param>
/// <param name="MemoryKib">In use, of all.</param>
/// <param name="CpuTicks">Of processor time, in hundredths of a second.</param>
internal sealed record GuestState(int? Code, IPAddress? Boot, long MemoryKib, long AllKib, long CpuTicks)
{
    internal static GuestState Read(string text)
    {
        int? code = null;
        IPAddress? boot = null;
        long all = 0, free = 0, ticks = 0;
        foreach (var line in text.Split('\n'))
        {
            var words = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            switch (words)
            {
                case ["code:", var number]:
                    code = int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
                        ? value : null;
                    break;
                case ["MemTotal:", var number, ..]:
                    all = Number(number);
                    break;
                case ["MemFree:", var number, ..]:
                    free = Number(number);
                    break;
                case ["cpu", var user, var nice, var system, ..]:
                    ticks = Number(user) + Number(nice) + Number(system);
                    break;
                case [.., "HWaddr", var mac]:
                    boot = AddressOf(mac);
                    break;
            }
        }
        return new GuestState(code, boot, Math.Max(0, all - free), all, ticks);
    }

    /// <summary>A machine's network card is 02:45 and its boot address (docs/deploy.md, "The link").</summary>
    static IPAddress? AddressOf(string mac)
    {
        var octets = mac.Split(':');
        if (octets.Length != 6 || octets[0] != "02" || octets[1] != "45")
            return null;
        var bytes = new byte[4];
        for (var i = 0; i < bytes.Length; i++)
        {
            if (!byte.TryParse(octets[2 + i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out bytes[i]))
                return null;
        }
        return new IPAddress(bytes);
    }

    static long Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
}
