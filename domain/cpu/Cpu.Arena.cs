using System;

namespace Domain;

/// <summary>Where blocks and their operations lie.</summary>
/// <remarks>
/// Most of what a guest runs it runs a few times only. Such blocks wait for their translation
/// (<see cref="Block.RunsUntilTranslated"/>): each run of them begins in the run loop, and no link, recent target or
/// return address leads to them. They lie in a ring, where the next takes the place of the oldest that has not run
/// again; that is decoded anew if it ever does, and how often it has run is remembered. All others stay in the arena
/// until that is full and is emptied.
/// </remarks>
public sealed unsafe partial class Cpu
{
    private const int ArenaBytes = 16 << 20, MaxBlockBytes = 64 << 10;

    /// <summary>
    /// The ring is that much smaller than the code memory: 2 MiB, with which a boot decodes hardly a block twice. With
    /// 1 MiB it took a tenth longer.
    /// </summary>
    private const int RingShare = 8;


    private const int RunCounts = 1 << 13;

    private readonly byte* arena, ring;
    private readonly int ringBytes;
    private int arenaUsed;

    /// <summary>
    /// In the ring: where the next block comes, the oldest block behind that, and where those behind it end.
    /// </summary>
    private int ringNext, ringOldest, ringEnd;

    /// <summary>
    /// How often blocks have run that had to go before they were translated, by a hash of their addresses.
    /// </summary>
    private readonly byte[] runCounts = new byte[RunCounts];

    /// <summary>Bytes of blocks that stay. Nothing but tests reads it.</summary>
    internal int ArenaUsed => arenaUsed;

    private bool HasRoom => arenaUsed <= ArenaBytes - MaxBlockBytes;

    /// <summary>Where <see cref="Place"/> puts the next block.</summary>
    private Block* NextBlock => (Block*)(arena + arenaUsed);

    private static int BytesOf(int slots) =>
        (sizeof(Block) + slots * sizeof(Op) + Block.UnitBytes - 1) & -Block.UnitBytes;

    /// <summary>A cleared block in the arena, with room for its operations and links.</summary>
    private Block* Place(int slots)
    {
        var block = NextBlock;
        arenaUsed += BytesOf(slots);
        *block = default;
        return block;
    }

    /// <summary>
    /// A block in the ring, with room for its operations and links, that waits for its translation. Only in the run
    /// loop: blocks that go for it may have been running until now.
    /// </summary>
    private Block* PlaceWaiting(int slots, int runs)
    {
        int bytes = BytesOf(slots);
        MakeRoom(bytes);
        var block = (Block*)(ring + ringNext);
        ringNext += bytes;
        *block = default;
        block->Units = (ushort)(bytes / Block.UnitBytes);
        block->RunsUntilTranslated = block->RunsSeen = runs;
        return block;
    }

    /// <summary>How often the block that begins there is to be interpreted, where it has not been kept.</summary>
    private int RunsToCome(ulong physical)
    {
        ref byte count = ref RunCount(physical);
        int runs = Math.Max(interpretedRuns - count, 0);
        count = 0;
        return runs;
    }

    private ref byte RunCount(ulong physical) =>
        ref runCounts[(physical ^ physical >> 13) & (RunCounts - 1)];

    /// <summary>
    /// The oldest blocks go until there is room at <see cref="ringNext"/>. Those that have run again where they lie stay
    /// for once, and are the youngest then: so after two laps at most there is room.
    /// </summary>
    private void MakeRoom(int bytes)
    {
        for (; ; )
        {
            while (ringOldest < ringEnd && ringOldest < ringNext + bytes)
                TakeOldest();
            if (ringNext + bytes <= ringBytes)
                return;
            ringEnd = ringNext;
            ringNext = ringOldest = 0;
        }
    }

    private void TakeOldest()
    {
        var block = (Block*)(ring + ringOldest);
        int bytes = block->Units * Block.UnitBytes;
        ringOldest += bytes;
        // The run loop would fill the link, and write into what comes here.
        if ((nuint)s->PendingLink - (nuint)block < (nuint)bytes)
            s->PendingLink = null;
        // Others have been translated or dropped.
        if (block->RunsUntilTranslated == 0 || block->Stale != 0)
            return;
        Unlink(block);
        UnlinkFromPage(block);
        if (block->RunsUntilTranslated == block->RunsSeen)
        {
            RunCount(block->Physical) =
                (byte)Math.Min(interpretedRuns - block->RunsUntilTranslated + 1, byte.MaxValue);
            return;
        }
        var place = (Block*)(ring + ringNext);
        Buffer.MemoryCopy(block, place, bytes, bytes);
        ringNext += bytes;
        place->RunsSeen = place->RunsUntilTranslated;
        Register(place);
    }

    private void EmptyArena() => arenaUsed = ringNext = ringOldest = ringEnd = 0;
}
