using System;
using Board;

namespace Loader.Checkpoint;

/// <summary>
/// The guest addresses that this machine's token names: evilman.guests=A.B.C.D,… on its command line.
/// </summary>
internal static class GrantedAddresses
{
    /// <param name="address">Host order.</param>
    public static bool Name(ReadOnlySpan<byte> commandLine, uint address)
    {
        ReadOnlySpan<byte> key = "evilman.guests="u8;
        while (DeviceAnnouncement.TakeWord(ref commandLine, out ReadOnlySpan<byte> word))
        {
            if (!word.StartsWith(key))
                continue;
            ReadOnlySpan<byte> list = word.Slice(key.Length);
            while (list.Length > 0)
                if (TakeAddress(ref list) == address)
                    return true;
        }
        return false;
    }

    // Up to the next comma; 0, which is nobody's, when it is no address.
    private static uint TakeAddress(ref ReadOnlySpan<byte> list)
    {
        uint address = 0;
        uint octet = 0;
        int dots = 0;
        int at = 0;
        bool valid = true;
        for (; at < list.Length && list[at] != ','; at++)
        {
            if (list[at] == '.')
            {
                address = address << 8 | octet;
                octet = 0;
                dots++;
            }
            else
            {
                octet = octet * 10 + list[at] - (uint)'0';
                valid &= list[at] is >= (byte)'0' and <= (byte)'9' && octet <= 255;
            }
        }
        list = list.Slice(Math.Min(at + 1, list.Length));
        return valid && dots == 3 ? address << 8 | octet : 0;
    }
}
