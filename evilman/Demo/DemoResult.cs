using System.Collections.Generic;
using System.Globalization;

namespace Evilman.Demo;

/// <summary>What the demo found, and its last line.</summary>
/// <param name="FreezeMilliseconds">Median of the moves' longest silences.</param>
/// <param name="TotalMilliseconds">Median of the times from asking to the source's end.</param>
/// <param name="MovedMiB">Median of what the Ethernet carried to the destination during a move.</param>
/// <param name="Failed">Requests and connections that failed, wrong bytes included.</param>
public sealed record DemoResult(double FreezeMilliseconds, double TotalMilliseconds, double MovedMiB, long Requests,
    int Failed, int Resets,
    bool SourceGone, int PacketdLines, long PacketdTextBytes)
{
    /// <summary>Why the demo did not show what it should; empty when it did.</summary>
    public List<string> Complaints { get; } = [];

    public bool Good => Complaints.Count == 0;

    /// <summary>One sentence for the chart.</summary>
    public string Verdict => Good
        ? string.Create(CultureInfo.InvariantCulture,
            $"All well: median freeze {FreezeMilliseconds:0.0} ms, median move {TotalMilliseconds:0} ms; of "
                + $"{Requests} requests {Failed} failed, {Resets} connections were reset.")
        : $"Failed: {string.Join("; ", Complaints)}.";

    public string LastLine => string.Create(CultureInfo.InvariantCulture,
        $"demo: {(Good ? "ok" : "failed")} freeze_ms={FreezeMilliseconds:0.0} total_ms={TotalMilliseconds:0} "
            + $"moved_mib={MovedMiB:0.0} requests={Requests} failed={Failed} resets={Resets} "
            + $"source_gone={(SourceGone ? "yes" : "no")} packetd_lines={PacketdLines} "
            + $"packetd_text_bytes={PacketdTextBytes}");
}
