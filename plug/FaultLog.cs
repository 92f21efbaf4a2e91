using System;

namespace Plug;

/// <summary>
/// Reads what the monitor logs about resets (QEMU: <c>-d cpu_reset</c>) for the one line that tells a crash from a guest that asked for
/// its end. Nothing of it is kept.
/// </summary>
internal struct FaultLog(int descriptor)
{
    private int matched;

    /// <summary>Ends with a newline; its first letter comes only once in it, so a mismatch can only begin anew.</summary>
    private static ReadOnlySpan<byte> Line => "Triple fault\n"u8;

    public bool TripleFault { get; private set; }

    /// <summary>Reads what is there, or a part of it. False at its end, and when there is nothing for now.</summary>
    public bool Read()
    {
        Span<byte> text = stackalloc byte[1024];
        int length = Kernel.Read(descriptor, text);
        for (int i = 0; i < length && !TripleFault; i++)
        {
            matched = text[i] == Line[matched] ? matched + 1 : text[i] == Line[0] ? 1 : 0;
            TripleFault = matched == Line.Length;
        }
        return length > 0;
    }
}
