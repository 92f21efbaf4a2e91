using System;
using Board;

namespace Cstrap;

/// <summary>
/// How long the machine waits for its customer (docs/protocols.md, "Boot token"): so many seconds from its start, or
/// from the loss of a client that had proved that it has the key. Then the machine ends.
/// </summary>
internal static class Lease
{
    private static ulong length;
    private static ulong end = ulong.MaxValue;

    /// <param name="seconds">0: for as long as it takes.</param>
    public static void Begin(int seconds)
    {
        length = (ulong)seconds * 1_000_000_000;
        Renew();
    }

    public static void Renew() => end = length == 0 ? ulong.MaxValue : Idle.Now + length;

    /// <summary>Ends the machine when the time is over.</summary>
    /// <returns>When to look again.</returns>
    public static ulong Check()
    {
        if (Idle.Now >= end)
        {
            Log.Line("nobody came with the machine's key in time; the machine ends"u8);
            Processor.Reset();
        }
        return end;
    }
}
