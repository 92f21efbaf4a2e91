using Board;

namespace Cstrap;

/// <summary>
/// How long the machine waits for its customer (docs/protocols.md, "Boot token"): so many seconds from its start, or
/// from the loss of a client that had proved that it has the key. Then the machine ends.
/// </summary>
internal static class Lease
{
    private static ulong s_length;
    private static ulong s_end = ulong.MaxValue;

    /// <param name="seconds">0: for as long as it takes.</param>
    public static void Begin(int seconds)
    {
        s_length = (ulong)seconds * 1_000_000_000;
        Renew();
    }

    public static void Renew() => s_end = s_length == 0 ? ulong.MaxValue : Idle.Now + s_length;

    /// <summary>Ends the machine when the time is over.</summary>
    /// <returns>When to look again.</returns>
    public static ulong Check()
    {
        if (Idle.Now >= s_end)
        {
            Log.Line("nobody came with the machine's key in time; the machine ends"u8);
            Processor.Reset();
        }
        return s_end;
    }
}
