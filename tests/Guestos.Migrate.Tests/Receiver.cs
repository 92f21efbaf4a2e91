using System;
using System.Collections.Generic;
using Wire;
using Xunit;

namespace Guestos.Migrate.Tests;

/// <summary>What a destination makes of a stream, by docs/protocols.md alone: memory, built up record by record.</summary>
internal sealed class Receiver
{
    private readonly Dictionary<uint, byte[]> pages = [];
    private readonly Dictionary<uint, uint> checksums = [];
    private int at;

    /// <summary>Frames of the guest's memory.</summary>
    public uint Frames { get; private set; }
    public int Records { get; private set; }

    /// <summary>Records that named only lines of a page.</summary>
    public int LineRecords { get; private set; }

    /// <summary>Frames that one record named as zeros, at most.</summary>
    public uint LongestZeros { get; private set; }

    /// <summary>Bytes behind the trailer.</summary>
    public int Rest { get; private set; }

    /// <summary>A page as it arrived, or null when none did.</summary>
    public byte[]? Page(uint frame) => pages.GetValueOrDefault(frame);

    /// <summary>Takes a whole stream, with its trailer.</summary>
    public static Receiver Of(ReadOnlySpan<byte> stream, CheckpointHash hash)
    {
        var receiver = new Receiver();
        receiver.Take(stream, hash);
        return receiver;
    }

    private void Take(ReadOnlySpan<byte> stream, CheckpointHash hash)
    {
        Assert.Equal(CheckpointRefusal.None,
            CheckpointHeader.Parse(Next(stream, CheckpointHeader.Size), MachineFeatures.Known, CheckpointHeader.MaxFrames, out CheckpointHeader header));
        Frames = header.Frames;
        Assert.Equal(hash, header.Hash);
        while (TakeRecord(stream))
            Records++;
        ulong sum = 0;
        for (uint frame = 0; frame < header.Frames; frame++)
            sum += CheckpointSum.Term(frame, checksums.GetValueOrDefault(frame));
        Assert.Equal(CheckpointRefusal.None, CheckpointTrailer.Parse(Next(stream, CheckpointTrailer.Size), (ulong)Records, sum, hash));
        Rest = stream.Length - at;
    }

    private bool TakeRecord(ReadOnlySpan<byte> stream)
    {
        Assert.Equal(CheckpointRefusal.None, CheckpointRecord.Parse(Next(stream, CheckpointRecord.Size), Frames, out uint frame, out RecordFlags flags, out uint count));
        if (flags == RecordFlags.End)
            return false;
        if (flags == RecordFlags.Zero)
        {
            LongestZeros = Math.Max(LongestZeros, count);
            for (uint zero = frame; zero < frame + count; zero++)
            {
                pages[zero] = new byte[CheckpointRecord.PageSize];
                checksums[zero] = Crc32C.ZeroPage;
            }
            return true;
        }
        if (!pages.TryGetValue(frame, out byte[]? page))
            pages[frame] = page = new byte[CheckpointRecord.PageSize];
        switch (flags)
        {
            case RecordFlags.Page:
                Next(stream, page.Length).CopyTo(page);
                break;
            case RecordFlags.Lines:
                LineRecords++;
                Assert.Equal(CheckpointRefusal.None, CheckpointLines.Parse(Next(stream, CheckpointLines.MaskSize), out ulong lines));
                while (CheckpointLines.TakeRun(ref lines, out int offset, out int length))
                    Next(stream, length).CopyTo(page.AsSpan(offset));
                break;
            default:
                Assert.Fail($"flags {flags}");
                break;
        }
        checksums[frame] = Wire.Crc32C.Of(page);
        return true;
    }

    private ReadOnlySpan<byte> Next(ReadOnlySpan<byte> stream, int count)
    {
        Assert.True(at + count <= stream.Length, $"the stream ends at {stream.Length}, in the middle of a record");
        at += count;
        return stream.Slice(at - count, count);
    }
}
