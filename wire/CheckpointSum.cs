namespace Wire;

/// <summary>
/// A checkpoint's hash: the sum, modulo 2^64, over all frames that were sent of what <see cref="Term"/> makes of the
/// frame's number and its CRC-32C as it was last sent. Each record changes it by itself, in any order, so that nothing
/// is left to do at the end. A frame that is sent again takes its old term with it. Terms differ by frame, so pages
/// that have changed places are noticed too.
/// </summary>
public static class CheckpointSum
{
    /// <summary>What one frame adds.</summary>
    public static ulong Term(uint frame, uint checksum) => (2UL * frame + 1) * checksum;
}
