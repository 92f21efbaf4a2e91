using System;
using Wire;

namespace Guestos;

/// <summary>
/// The piece of the stream that waits to be taken: first a run of bytes, then perhaps a page by reference. <see
/// cref="PageCleaner"/> makes it when the last one was taken whole, <see cref="CheckpointDevice"/> takes it.
/// </summary>
internal unsafe struct CheckpointPiece
{
    private byte* run;
    private int runLength;
    private int pageOffset;

    /// <summary>The frame that follows the run, 0 for none.</summary>
    public uint Page { get; private set; }

    public readonly bool IsEmpty => runLength == 0 && Page == 0;

    /// <summary>The bytes that come next, when they are not a page's.</summary>
    public readonly ReadOnlySpan<byte> Run => new(run, runLength);

    /// <summary>Of the page, what was not taken yet.</summary>
    public readonly int PageOffset => pageOffset;
    public readonly int PageLength => CheckpointRecord.PageSize - pageOffset;

    /// <param name="run">Stays as it is until it was taken.</param>
    /// <param name="page">A frame to follow it, or 0.</param>
    public void Set(byte* run, int length, uint page = 0)
    {
        this.run = run;
        runLength = length;
        Page = page;
        pageOffset = 0;
    }

    /// <summary>So many bytes of the run, or else of the page, were taken, no more than there are.</summary>
    public void Take(int count)
    {
        if (runLength > 0)
        {
            run += count;
            runLength -= count;
            return;
        }
        pageOffset += count;
        if (pageOffset == CheckpointRecord.PageSize)
            Page = 0;
    }
}
