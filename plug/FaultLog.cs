using System;
using System.Linux;

namespace Plug;

/// <summary>
/// Reads what the monitor logs (QEMU: <c>-d cpu_reset,guest_errors</c>) for the two lines that tell a crash from a
/// guest that asked for its end. Nothing of it is kept.
/// </summary>
internal struct FaultLog(int descriptor)
{
    // How many bytes of each line have come. Its first letter comes only once in it, so a mismatch can only begin anew.
    private int faultMatched;
    private int panicMatched;

    private static ReadOnlySpan<byte> FaultLine => "Triple fault\n"u8;

    /// <summary>What QEMU's pvpanic device says; no newline follows.</summary>
    private static ReadOnlySpan<byte> PanicLine => "Guest crashed"u8;

    public readonly bool TripleFault => faultMatched == FaultLine.Length;

    public readonly bool Panic => panicMatched == PanicLine.Length;

    /// <summary>Reads what is there, or a part of it. False at its end, and when there is nothing for now.</summary>
    public bool Read()
    {
        Span<byte> text = stackalloc byte[1024];
        int length = Syscall.Read(descriptor, text);
        for (int i = 0; i < length; i++)
        {
            Match(FaultLine, text[i], ref faultMatched);
            Match(PanicLine, text[i], ref panicMatched);
        }
        return length > 0;
    }

    private static void Match(ReadOnlySpan<byte> line, byte next, ref int matched)
    {
        if (matched == line.Length)
            return;
        if (next == line[matched])
            matched++;
        else
            matched = next == line[0] ? 1 : 0;
    }
}
