using System;
using Board;
using Wire;

namespace Loader.Checkpoint;

/// <summary>
/// Takes a checkpoint stream in and puts every page directly at its place (thesis §6.4). Each field is the sender's and
/// is checked before it is used: a page lands only in a frame of guest memory that this machine has.
/// </summary>
internal unsafe struct CheckpointReader(Peer peer)
{
    /// <summary>
    /// A frame is sent once a round: more records than this many rounds of everything are no guest's.
    /// </summary>
    private const ulong MaxRounds = 256;

    public ulong RecoveryEntry;
    public ulong RecoveryArgument;

    /// <summary>With a refusal: the frame, record or limit concerned.</summary>
    public ulong Detail;

    /// <summary>The connection is gone: there is nobody to tell.</summary>
    public bool Broken;

    public ulong Records;

    /// <summary>The guest's, in host order; 0 where there is none.</summary>
    private fixed uint addresses[CheckpointHeader.MaxAddresses];

    /// <summary>From the header to the trailer. None: the checkpoint is whole and right.</summary>
    public CheckpointRefusal Receive()
    {
        byte* bytes = stackalloc byte[CheckpointHeader.Size];
        if (!Take(bytes, CheckpointHeader.Size))
            return CheckpointRefusal.Truncated;
        MachineFeatures features = Features.Find(new StartInfo(peer.StartInfoPhysical, 0).CommandLine);
        uint available = (uint)Math.Min(peer.MemoryEnd >> 12, CheckpointHeader.MaxFrames);
        var received = new ReadOnlySpan<byte>(bytes, CheckpointHeader.Size);
        CheckpointRefusal refusal = CheckpointHeader.Parse(received, features, available, out CheckpointHeader header);
        if (refusal != CheckpointRefusal.None)
        {
            Detail = refusal switch
            {
                CheckpointRefusal.NotEnoughMemory => available,
                CheckpointRefusal.MissingFeatures => (ulong)(header.Features & ~features),
                _ => 0,
            };
            return refusal;
        }
        RecoveryEntry = header.RecoveryEntry;
        RecoveryArgument = header.RecoveryArgument;
        // Where the guest's packets would be dropped it had better not go.
        ReadOnlySpan<byte> commandLine = new StartInfo(peer.StartInfoPhysical, 0).CommandLine;
        for (int i = 0; i < CheckpointHeader.MaxAddresses; i++)
        {
            addresses[i] = header.Address(i);
            if (addresses[i] != 0 && !GrantedAddresses.Name(commandLine, addresses[i]))
            {
                Detail = addresses[i];
                return CheckpointRefusal.ForeignAddress;
            }
        }
        uint frames = header.Frames;
        CheckpointHash kind = header.Hash;
        bool startsAsZeros = peer.ZerosFrom is not 0 and <= (ulong)CheckpointHeader.FirstFrame << 12;
        FrameTable table = new(kind == CheckpointHash.Crc32CSum, startsAsZeros);
        refusal = ReceiveRecords(frames, ref table);
        if (refusal != CheckpointRefusal.None)
            return refusal;

        if (!Take(bytes, CheckpointTrailer.Size))
            return CheckpointRefusal.Truncated;
        var trailer = new ReadOnlySpan<byte>(bytes, CheckpointTrailer.Size);
        refusal = CheckpointTrailer.Parse(trailer, Records, table.Hash, kind);
        Detail = refusal != CheckpointRefusal.None ? Records : 0;
        uint entryFrame = (uint)((RecoveryEntry - CheckpointHeader.DirectMap) >> 12);
        if (refusal == CheckpointRefusal.None && !FrameTable.Has(entryFrame))
        {
            Detail = entryFrame;
            return CheckpointRefusal.MissingFrames;
        }
        return refusal;
    }

    /// <summary>Announces the guest's addresses as this machine's.</summary>
    public readonly void ClaimAddresses()
    {
        for (int i = 0; i < CheckpointHeader.MaxAddresses; i++)
            if (addresses[i] != 0)
                peer.Claim(addresses[i]);
    }

    private CheckpointRefusal ReceiveRecords(uint frames, ref FrameTable table)
    {
        byte* record = stackalloc byte[CheckpointRecord.Size];
        ulong most = frames * MaxRounds;
        while (true)
        {
            if (!Take(record, CheckpointRecord.Size))
                return CheckpointRefusal.Truncated;
            var received = new ReadOnlySpan<byte>(record, CheckpointRecord.Size);
            CheckpointRefusal refusal =
                CheckpointRecord.Parse(received, frames, out uint frame, out RecordFlags flags, out uint count);
            if (refusal != CheckpointRefusal.None)
            {
                Detail = refusal == CheckpointRefusal.FrameOutOfRange ? frame : Records;
                return refusal;
            }
            if (flags == RecordFlags.End)
                return CheckpointRefusal.None;
            Records++;
            if (Records > most)
            {
                Detail = most;
                return CheckpointRefusal.TooManyRecords;
            }
            if (flags == RecordFlags.Zero)
            {
                table.SetZero(frame, count);
                continue;
            }
            // SAFETY: Parse found the frame in [4 MiB, frames), and the machine has all of those.
            byte* page = (byte*)((ulong)frame << 12);
            if (flags == RecordFlags.Lines && !FrameTable.Has(frame))
            {
                Detail = frame;
                return CheckpointRefusal.MissingFrames;
            }
            table.Begin(frame);
            refusal = flags == RecordFlags.Lines ? ReceiveLines(page) : ReceivePage(page);
            if (refusal != CheckpointRefusal.None)
                return refusal;
            table.Set(frame);
        }
    }

    private CheckpointRefusal ReceivePage(byte* page) =>
        Take(page, CheckpointRecord.PageSize) ? CheckpointRefusal.None : CheckpointRefusal.Truncated;

    /// <summary>Puts lines over those of a page that came before.</summary>
    private CheckpointRefusal ReceiveLines(byte* page)
    {
        byte* mask = stackalloc byte[CheckpointLines.MaskSize];
        if (!Take(mask, CheckpointLines.MaskSize))
            return CheckpointRefusal.Truncated;
        var received = new ReadOnlySpan<byte>(mask, CheckpointLines.MaskSize);
        CheckpointRefusal refusal = CheckpointLines.Parse(received, out ulong lines);
        if (refusal != CheckpointRefusal.None)
        {
            Detail = Records;
            return refusal;
        }
        // SAFETY: a run lies within its page.
        while (CheckpointLines.TakeRun(ref lines, out int offset, out int length))
            if (!Take(page + offset, (ulong)length))
                return CheckpointRefusal.Truncated;
        return CheckpointRefusal.None;
    }

    private bool Take(byte* to, ulong count)
    {
        int result = peer.Receive(to, count);
        Broken = result < 0;
        if (result > 0)
            Detail = Records;
        return result == 0;
    }
}
