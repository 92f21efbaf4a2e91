using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Guestos.Mm.Tests;

public sealed unsafe class FramesTests
{
    public FramesTests() => SimulatedMachine.Require();

    [Fact]
    public void What_is_not_the_kernels_to_give_is_never_given()
    {
        List<ulong> taken = [];
        for (ulong frame; (frame = Frames.Allocate()) != 0;)
            taken.Add(frame);
        Assert.Equal(0ul, Frames.Free);
        Assert.DoesNotContain(taken, frame => frame < KernelImage.End() - DirectMap.Base);
        Assert.DoesNotContain(taken, frame => frame + Frames.Size > SimulatedMachine.Module && frame < SimulatedMachine.Module + SimulatedMachine.ModuleLength);
        Assert.DoesNotContain(taken, frame => frame >= SimulatedMachine.Hole && frame < SimulatedMachine.Hole + SimulatedMachine.HoleLength);
        Assert.Equal(taken.Count, taken.Distinct().Count());
        Assert.True((ulong)taken.Count <= Frames.Total);
        taken.ForEach(Frames.Release);
        Assert.Equal((ulong)taken.Count, Frames.Free);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Blocks_come_zeroed_alone_and_whole_again(int seed)
    {
        ulong before = Frames.Free;
        Assert.Equal(LargestRun(), MaxBlock());
        Random random = new(seed);
        List<(ulong Block, int Count, int References)> held = [];
        HashSet<ulong> used = [];
        for (int step = 0; step < 4000; step++)
        {
            int kind = random.Next(5);
            if (kind < 2)
            {
                int count = 1 << random.Next(7) | random.Next(2);
                ulong block = Frames.AllocateContiguous(count);
                if (block == 0)
                    continue;
                Assert.Equal(-1, new Span<byte>(DirectMap.At(block), count * Frames.Size).IndexOfAnyExcept((byte)0));
                for (int i = 0; i < count; i++)
                    Assert.True(used.Add(block + (ulong)(i * Frames.Size)));
                new Span<byte>(DirectMap.At(block), count * Frames.Size).Fill(0xdd);
                held.Add((block, count, 1));
            }
            else if (held.Count > 0)
            {
                int index = random.Next(held.Count);
                (ulong block, int count, int references) = held[index];
                if (kind == 2)
                {
                    Each(block, count, Frames.AddReference);
                    held[index] = (block, count, references + 1);
                    continue;
                }
                Each(block, count, Frames.Release);
                held[index] = (block, count, references - 1);
                if (references > 1)
                    continue;
                Each(block, count, frame => used.Remove(frame));
                held.RemoveAt(index);
            }
            Assert.Equal(before - (ulong)used.Count, Frames.Free);
        }
        foreach ((ulong block, int count, int references) in held)
            for (int i = 0; i < references; i++)
                Each(block, count, Frames.Release);
        Assert.Equal(before, Frames.Free);
        Assert.Equal(LargestRun(), MaxBlock());
    }

    private static void Each(ulong block, int count, Action<ulong> act)
    {
        for (int i = 0; i < count; i++)
            act(block + (ulong)(i * Frames.Size));
    }

    /// <summary>Frames of the largest block that can be had: neighbours that are free have become one.</summary>
    private static ulong MaxBlock()
    {
        for (int count = 4096; count > 0; count /= 2)
        {
            ulong block = Frames.AllocateContiguous(count);
            if (block == 0)
                continue;
            Each(block, count, Frames.Release);
            return (ulong)count;
        }
        return 0;
    }

    /// <summary>Frames of the largest block that could be had: a power of two, and a multiple of itself, of frames that nobody refers to.</summary>
    private static ulong LargestRun()
    {
        for (uint count = 4096; count > 0; count /= 2)
            for (uint first = 0; first + count <= Frames.Count; first += count)
                if (Enumerable.Range((int)first, (int)count).All(frame => Frames.StateOf((ulong)frame * Frames.Size) == FrameState.Free))
                    return count;
        return 0;
    }

    /// <summary>An ordinary user leaves some to the superuser, and what the kernel takes for him half of those.</summary>
    [Fact]
    public void The_last_frames_of_users_are_the_superusers()
    {
        List<ulong> taken = [];
        MemoryPolicy.MayUseReserve = &No;
        try
        {
            for (ulong frame; (frame = Frames.AllocateUser(Frames.UserFloor)) != 0;)
                taken.Add(frame);
            Assert.Equal(Frames.KernelReserve + Frames.PrivilegedReserve, Frames.Free);
            for (ulong frame; (frame = Frames.Allocate()) != 0;)
                taken.Add(frame);
            Assert.Equal(Frames.KernelReserve + Frames.PrivilegedReserve / 2, Frames.Free);
            MemoryPolicy.MayUseReserve = &Yes;
            for (ulong frame; (frame = Frames.AllocateUser(Frames.UserFloor)) != 0;)
                taken.Add(frame);
            Assert.Equal(Frames.KernelReserve, Frames.Free);
        }
        finally
        {
            MemoryPolicy.MayUseReserve = null;
            taken.ForEach(Frames.Release);
        }
    }

    private static bool No() => false;

    private static bool Yes() => true;

    [Fact]
    public void The_last_frames_are_not_for_users()
    {
        List<ulong> taken = [];
        for (ulong frame; (frame = Frames.AllocateUser(Frames.UserFloor)) != 0;)
            taken.Add(frame);
        Assert.Equal(Frames.KernelReserve, Frames.Free);
        Assert.Equal(FrameState.User, SimulatedMachine.Of(taken[0]).State);
        Assert.Equal(0ul, Frames.AllocateUser(Frames.UserFloor));
        taken.ForEach(Frames.Release);
    }

    [Fact]
    public void A_frame_is_released_once()
    {
        ulong frame = Frames.Allocate();
        Frames.Release(frame);
        Assert.Throws<InvalidOperationException>(() => Frames.Release(frame));
        Assert.Throws<InvalidOperationException>(() => Frames.Release(SimulatedMachine.Size));
    }

    private static readonly List<ulong> s_changed = [];

    private static void Note(ulong physical) => s_changed.Add(physical);

    [Fact]
    public void Whoever_protects_memory_is_told_of_frames_that_are_not_to_be_protected()
    {
        s_changed.Clear();
        MmuNotifier.FrameChanged = &Note;
        ulong block = Frames.AllocateExcluded(3);
        Assert.Equal(3, s_changed.Count);
        Frames.SetState(block, FrameState.PageTable);
        Assert.Equal(3, s_changed.Count);
        Frames.SetState(block, FrameState.Kernel);
        Assert.Equal([block], s_changed.Skip(3));
        Each(block, 3, Frames.Release);
        Assert.Equal(6, s_changed.Count);
        MmuNotifier.FrameChanged = null;
    }

    [Theory]
    [InlineData(3)]
    public void A_slab_gives_each_object_once_and_its_frames_back(int seed)
    {
        ulong before = Frames.Free;
        Slab<Blob> slab = default;
        Random random = new(seed);
        List<(nint Item, ulong Mark)> held = [];
        for (ulong step = 1; step < 5000; step++)
        {
            if (random.Next(step < 2500 ? 3 : 5) > 1 && held.Count > 0)
            {
                int index = random.Next(held.Count);
                (nint item, ulong mark) = held[index];
                Assert.Equal(mark, ((Blob*)item)->Words[5]);
                slab.Free((Blob*)item);
                held.RemoveAt(index);
                continue;
            }
            Blob* blob = slab.Allocate();
            Assert.Equal(0ul, blob->Words[0] | blob->Words[5]);
            new Span<ulong>(blob, 6).Fill(step);
            held.Add(((nint)blob, step));
        }
        Assert.Equal(held.Count, slab.InUse);
        foreach ((nint item, _) in held)
            slab.Free((Blob*)item);
        Assert.Equal(before - 1, Frames.Free);      // one frame is kept for the next object
    }

    private struct Blob
    {
        public fixed ulong Words[6];
    }
}
