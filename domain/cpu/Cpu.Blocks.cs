using System;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Domain;

/// <summary>The store of decoded code: found by address, dropped when the bytes change.</summary>
/// <remarks>
/// Dropping a block only replaces its handlers by <see cref="Jump.Stale"/>, which goes back to the run loop; so links
/// to it, and a block that overwrites itself, need no search. Its memory comes back when the arena is full and
/// everything goes. Blocks that are going to be translated, to which nothing leads, lie in a ring (Cpu.Arena.cs).
/// </remarks>
public sealed unsafe partial class Cpu
{
    internal const ulong NoPage = ulong.MaxValue;
    private const int BucketCount = 1 << 15;

    /// <summary>What is decoded in one page of RAM.</summary>
    private struct CodePage
    {
        /// <summary>A bit per 64 bytes that hold decoded instructions.</summary>
        public ulong Mask;
        public Block* First;

        /// <summary>The stamp that was given last, 0 if none is good, and for what; see StampOf.</summary>
        public ulong Stamp, Linear;
        public int Mode, Epoch;
    }

    private readonly CodePage* pages;
    private readonly Block** buckets;
    private readonly BlockBuilder builder;
    private readonly Translator? translator;

    /// <summary>How often a block is interpreted before it is translated.</summary>
    private readonly int interpretedRuns;

    private static uint Bucket(ulong physical, ulong rip) =>
        (uint)((physical ^ (physical >> 12) ^ (rip >> 17)) & (BucketCount - 1));

    /// <summary>Base and limit of the code segment; the same for all 64-bit code.</summary>
    private ulong CodeBounds => s->Code64 ? 0 : s->SegmentBase[SegmentCs] | (ulong)s->SegmentLimit[SegmentCs] << 32;

    /// <summary>The block at <paramref name="rip"/>, decoded if need be; null after a fault in fetching it.</summary>
    private Block* FindBlock(ulong rip, int mode)
    {
        s->Searches++;
        ulong bounds = CodeBounds, linear = s->Code64 ? rip : (uint)(rip + bounds);
        if (!s->Code64 && rip > bounds >> 32)
        {
            NoteException(ExceptionVector.GP, 0);
            return null;
        }
        if (!LookUpCode(linear, out ulong physical))
            return null;
        for (var block = buckets[Bucket(physical, rip)]; block != null; block = block->NextInBucket)
        {
            if (block->Physical != physical || block->Rip != rip || block->Mode != mode || block->CodeBounds != bounds)
                continue;
            if (block->RunsUntilTranslated != 0)
                return RunAgain(block, linear);
            if (block->SecondPage == NoPage)
                return block;
            if (!LookUpSecond(linear, out ulong second))
                return null;
            if (second == block->SecondPage)
                return block;
        }
        return Build(rip, linear, physical, mode, RunsToCome(physical));
    }

    /// <summary>
    /// Whether the block begins with <see cref="Jump.IntoSecondPage"/>, so that it can be come to without the run loop.
    /// </summary>
    private static bool ChecksSecondPage(ulong secondPage, int mode) =>
        secondPage != NoPage && (mode & (ModeCode64 | ModeSingle)) == ModeCode64;

    /// <summary>A block that is not translated yet, or what it is translated to when it has run often enough.</summary>
    private Block* RunAgain(Block* block, ulong linear)
    {
        if (--block->RunsUntilTranslated != 0)
            return block;
        Drop(block);
        UnlinkFromPage(block);
        return Build(block->Rip, linear, block->Physical, block->Mode, 0);
    }

    private bool LookUpSecond(ulong linear, out ulong physical) =>
        LookUpCode(Mmu.Linear(s, (linear | Mmu.OffsetMask) + 1), out physical);

    /// <param name="runs">how often it is interpreted before it is translated, where that is possible</param>
    private Block* Build(ulong rip, ulong linear, ulong physical, int mode, int runs)
    {
        HostFloat.Leave(s);
        var block = BuildInside(rip, linear, physical, mode, runs);
        HostFloat.Enter(s);
        return block;
    }

    private Block* BuildInside(ulong rip, ulong linear, ulong physical, int mode, int runs)
    {
        if (!memory.Contains(physical, 1))
        {
            NoteException(ExceptionVector.GP, 0);
            return null;
        }
        int inPage = (int)(4096 - (physical & Mmu.OffsetMask));
        ulong inSegment = s->Code64 ? ulong.MaxValue : (CodeBounds >> 32) - rip + 1;
        ulong secondPage = NoPage;
        // SAFETY: the page is RAM; the builder reads at most the given count of bytes.
        bool mayTranslate = translator != null && (mode & (ModeCode64 | ModeSingle)) == ModeCode64;
        bool translates = mayTranslate && runs == 0;
        int available = (int)Math.Min((ulong)inPage, inSegment);
        int bytes = builder.Decode(memory.Base + physical, available, rip, mode, translates);
        if (bytes == 0 && inSegment <= (ulong)inPage)
        {
            NoteException(ExceptionVector.GP, 0);
            return null;
        }
        if (bytes == 0)
        {
            // The first instruction runs over the end of the page: it becomes a block of its own.
            if (!LookUpSecond(linear, out secondPage))
                return null;
            byte* joined = stackalloc byte[32];
            new Span<byte>(joined, 32).Clear();
            Buffer.MemoryCopy(memory.Base + physical, joined, 16, inPage);
            if (memory.Contains(secondPage, 16))
                Buffer.MemoryCopy(memory.Base + secondPage, joined + inPage, 16, 16);
            bytes = builder.Decode(joined, (int)Math.Min((ulong)(inPage + 16), inSegment), rip, mode | ModeSingle);
            if (bytes == 0)
            {
                NoteException(ExceptionVector.GP, 0);
                return null;
            }
        }
        if (!HasRoom || translator is { IsFull: true })
            FlushBlocks();
        Block* block;
        if (translates && secondPage == NoPage
            && translator!.Translate(builder, rip, mode, Block.Ops(NextBlock)))
        {
            block = Place(builder.SlotCount);
            block->Entry = translator.Entry;
            block->FlagsEntry = translator.FlagsEntry;
            block->StaleExit = translator.StaleExit;
        }
        else
        {
            if (translates && secondPage == NoPage)
                bytes = builder.Decode(memory.Base + physical, available, rip, mode);
            builder.Interpret(ChecksSecondPage(secondPage, mode));
            bool waits = mayTranslate && secondPage == NoPage && runs != 0;
            block = waits ? PlaceWaiting(builder.SlotCount, runs) : Place(builder.SlotCount);
        }
        block->Physical = physical;
        block->Rip = rip;
        block->CodeBounds = CodeBounds;
        block->SecondPage = secondPage;
        block->Mode = mode;
        block->Bytes = (ushort)bytes;
        block->OpCount = (ushort)builder.OpCount;
        Buffer.MemoryCopy(builder.Slots, Block.Ops(block), builder.SlotCount * sizeof(Op),
            builder.SlotCount * sizeof(Op));
        int first = Math.Min(bytes, inPage);
        MarkCode(physical, first);
        Register(block);
        if (secondPage != NoPage && memory.Contains(secondPage, 1))
        {
            MarkCode(secondPage, bytes - first);
            ulong frame = secondPage >> 12;
            block->NextInSecondPage = pages[frame].First;
            LeadTo(block->NextInSecondPage, frame, &block->NextInSecondPage);
            pages[frame].First = block;
        }
        return block;
    }

    /// <summary>From now on the block is found by its address, and dropped with its page.</summary>
    private void Register(Block* block)
    {
        ref var bucket = ref buckets[Bucket(block->Physical, block->Rip)];
        block->NextInBucket = bucket;
        bucket = block;
        ulong frame = block->Physical >> 12;
        var first = &pages[frame].First;
        block->NextInPage = *first;
        block->ToThisInPage = first;
        LeadTo(*first, frame, &block->NextInPage);
        *first = block;
    }

    // A block is in the list of its second page, too: from there none is taken out.
    private static void LeadTo(Block* block, ulong frame, Block** from)
    {
        if (block != null && block->Physical >> 12 == frame)
            block->ToThisInPage = from;
    }

    /// <summary>The block, which lies within one page, is dropped no more when that is.</summary>
    private static void UnlinkFromPage(Block* block)
    {
        *block->ToThisInPage = block->NextInPage;
        LeadTo(block->NextInPage, block->Physical >> 12, block->ToThisInPage);
    }

    private void MarkCode(ulong physical, int length)
    {
        ref var page = ref pages[physical >> 12];
        if (page.Mask == 0)
        {
            byte* host = memory.Base + (physical & ~Mmu.OffsetMask);
            DropWriters(kernelWrite, host);
            DropWriters(userWrite, host);
        }
        page.Mask |= Chunks(physical, length);
    }

    private static ulong Chunks(ulong physical, int length)
    {
        int first = (int)(physical & Mmu.OffsetMask) >> 6;
        int last = (int)((physical & Mmu.OffsetMask) + (ulong)Math.Max(length, 1) - 1) >> 6;
        return (ulong.MaxValue << first) & (ulong.MaxValue >> (63 - last));
    }

    private static void DropWriters(TlbEntry* tlb, byte* host)
    {
        ulong* filled = Filled(tlb);
        for (ulong words = filled[Mmu.TlbEntries / 64]; words != 0; words &= words - 1)
        {
            int word = BitOperations.TrailingZeroCount(words);
            for (ulong slots = filled[word]; slots != 0; slots &= slots - 1)
            {
                int slot = word * 64 + BitOperations.TrailingZeroCount(slots);
                if (tlb[slot].Host == (ulong)host || tlb[slot + Mmu.TlbEntries].Host == (ulong)host)
                    Empty(tlb, slot);
            }
        }
    }

    /// <summary>A device wrote guest-physical memory: decoded blocks there are stale.</summary>
    public void InvalidateCode(ulong physical, ulong length)
    {
        while (length > 0 && physical < memory.Size)
        {
            ulong step = Math.Min(length, 4096 - (physical & Mmu.OffsetMask));
            ref var page = ref pages[physical >> 12];
            if ((page.Mask & Chunks(physical, (int)step)) != 0)
                DropPage(ref page, physical >> 12);
            physical += step;
            length -= step;
        }
    }

    private void DropPage(ref CodePage page, ulong frame)
    {
        for (var block = page.First; block != null;)
        {
            bool inFirst = block->Physical >> 12 == frame;
            var next = inFirst ? block->NextInPage : block->NextInSecondPage;
            if (block->Stale == 0)
                Drop(block);
            block = next;
        }
        page.First = null;
        page.Mask = 0;
        EndStamp(ref page);
    }

    private void Drop(Block* block)
    {
        block->Stale = 1;
        Unlink(block);
        translator?.Drop(block);
        var ops = Block.Ops(block);
        for (int i = 0; i < block->OpCount; i++)
            ops[i].Handler = &Jump.Stale;
    }

    private void Unlink(Block* block)
    {
        var at = &buckets[Bucket(block->Physical, block->Rip)];
        while (*at != block)
            at = &(*at)->NextInBucket;
        *at = block->NextInBucket;
    }

    /// <summary>Drops every block. Only between blocks: the arena starts over.</summary>
    private void FlushBlocks()
    {
        new Span<byte>(buckets, BucketCount * sizeof(Block*)).Clear();
        for (ulong frame = 0; frame < memory.Size >> 12; frame++)
        {
            if (pages[frame].Mask != 0)
                pages[frame] = default;
        }
        EmptyArena();
        s->PendingLink = null;
        translator?.Clear();
        new Span<byte>(s->JumpCache, Jump.Entries * sizeof(JumpEntry)).Clear();
        VoidCode();
    }
}
