using System;
using Wire;

namespace Launcher;

/// <summary>The monitor's argument vector, as docs/architecture.md ("The monitor") says.</summary>
internal static class MonitorArguments
{
    /// <summary>Texts' bytes and vector's entries, the null at its end included, at most.</summary>
    public const int TextSize = 512, Count = 16;

    /// <param name="texts">Room for what is made of the token; the vector points into it.</param>
    public static unsafe void Make(BootToken token, in Options options, Span<byte> texts, Span<nint> vector)
    {
        uint boot = token.BootAddress;
        Text text = new(texts);
        text.Add("--net-fd\03\0--control-fd\04\0--memory\0"u8);
        text.AddNumber(token.MemoryMiB);
        text.Add("\0--mac\002:45"u8);
        for (int shift = 24; shift >= 0; shift -= 8)
        {
            text.Add(":"u8);
            text.AddByte((byte)(boot >> shift));
        }
        text.Add("\0--append\0evilman.boot="u8);
        text.AddAddress(boot);
        text.Add("/"u8);
        text.AddNumber(token.PrefixLength);
        text.Add(" evilman.gateway="u8);
        text.AddAddress(token.Gateway);
        text.Add(" evilman.lease="u8);
        text.AddNumber(token.Lease);
        text.Add(" evilman.loader="u8);
        for (int i = 0; i < token.Loader.Length; i++)
            text.AddByte(token.Loader[i]);
        for (int i = 0; i < token.GuestCount; i++)
        {
            text.Add(i == 0 ? " evilman.guests="u8 : ","u8);
            text.AddAddress(token.Guest(i));
        }
        text.Add("\0--initrd\0/proc/self/fd/5\0--kernel\0"u8);

        // Each text ends with a zero, and the vector with a null.
        int count = 0;
        vector[count++] = (nint)options.Monitor;
        for (int at = 0; at < text.Length; at++)
        {
            if (at == 0 || texts[at - 1] == 0)
                vector[count++] = Kernel.At(texts.Slice(at));
        }
        vector[count++] = (nint)options.Firmware;
        vector[count] = 0;
    }
}
