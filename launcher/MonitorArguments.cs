using System;
using System.Linux;
using Wire;

namespace Launcher;

/// <summary>The monitor's argument vector, as docs/architecture.md ("The monitor") says.</summary>
internal static class MonitorArguments
{
    /// <summary>Room for all texts of any token, and more: about 400 bytes are needed.</summary>
    public const int TextSize = 512;

    /// <summary>The vector's entries at most, the null at its end included.</summary>
    public const int Count = 16;

    /// <param name="texts">
    /// <see cref="TextSize"/> bytes for what is made of the token; the vector points into them.
    /// </param>
    /// <returns>False when the texts have no room.</returns>
    public static unsafe bool TryMake(BootToken token, in Options options, Span<byte> texts, Span<nint> vector)
    {
        uint boot = token.BootAddress;
        TextBuffer text = new(texts);
        text.Add("--net-fd\03\0--control-fd\04\0--memory\0%\0--mac\002:45"u8, token.MemoryMiB);
        for (int shift = 24; shift >= 0; shift -= 8)
        {
            text.Add(":"u8);
            text.AddHexadecimal((byte)(boot >> shift));
        }
        text.Add("\0--append\0evilman.boot=@/% evilman.gateway=@"u8, boot, token.PrefixLength, token.Gateway);
        text.Add(" evilman.lease=% evilman.loader="u8, token.Lease);
        for (int i = 0; i < token.Loader.Length; i++)
            text.AddHexadecimal(token.Loader[i]);
        for (int i = 0; i < token.GuestCount; i++)
        {
            text.Add(i == 0 ? " evilman.guests="u8 : ","u8);
            text.Add("@"u8, token.Guest(i));
        }
        text.Add("\0--initrd\0/proc/self/fd/5\0--kernel\0"u8);
        // One byte stays free in a buffer that was too small.
        if (text.Length >= texts.Length - 1)
            return false;

        // Each text ends with a zero, and the vector with a null.
        vector[0] = (nint)options.Monitor;
        int count = 1;
        for (int at = 0; at < text.Length; at++)
        {
            if (at == 0 || texts[at - 1] == 0)
            {
                vector[count] = Syscall.AddressOf(texts.Slice(at));
                count++;
            }
        }
        vector[count] = (nint)options.Firmware;
        vector[count + 1] = 0;
        return true;
    }
}
