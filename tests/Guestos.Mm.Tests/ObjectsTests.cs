using System;
using System.Collections.Generic;
using Xunit;

namespace Guestos.Mm.Tests;

public sealed unsafe class ObjectsTests
{
    public ObjectsTests() => SimulatedMachine.Require();

    /// <summary>What one kind of object took is there for others: for those of another size, and for programs.</summary>
    [Fact]
    public void Memory_of_objects_that_are_gone_comes_back()
    {
        ulong before = Frames.Free;
        foreach (int size in (int[])[32, 120, 300, 520, 1030, 2048, 4096])
        {
            List<nint> all = [];
            for (void* item; (item = Objects.Allocate(size)) != null;)
                all.Add((nint)item);
            Assert.True((ulong)all.Count + 64 >= before);
            foreach (nint item in all)
                Objects.Free((void*)item, size);
            Assert.True(Frames.Free >= before - 64);
        }
    }

    /// <summary>Random lives: each object is its owner's alone and comes zeroed.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Objects_come_zeroed_and_alone(int seed)
    {
        Random random = new(seed);
        List<(nint Item, int Size, byte Mark)> held = [];
        ulong before = Frames.Free;
        for (int step = 0; step < 60000; step++)
        {
            // It grows and shrinks, so that frames come and go.
            bool takes = random.Next(100) < (step / 5000 % 2 == 0 ? 70 : 30);
            if (takes)
            {
                int size = 1 << random.Next(5, 13);
                size -= random.Next(size / 2);
                var item = (byte*)Objects.Allocate(size);
                Assert.True(item != null);
                Assert.Equal(0ul, (ulong)item % 32);
                Assert.Equal(-1, new Span<byte>(item, size).IndexOfAnyExcept((byte)0));
                var mark = (byte)random.Next(1, 256);
                new Span<byte>(item, size).Fill(mark);
                held.Add(((nint)item, size, mark));
            }
            else if (held.Count > 0)
            {
                int index = random.Next(held.Count);
                (nint item, int size, byte mark) = held[index];
                Assert.Equal(-1, new Span<byte>((void*)item, size).IndexOfAnyExcept(mark));
                Objects.Free((void*)item, size);
                held[index] = held[^1];
                held.RemoveAt(held.Count - 1);
            }
        }

        foreach ((nint item, int size, _) in held)
            Objects.Free((void*)item, size);
        Assert.True(Frames.Free >= before - 64);
    }
}
