using System;
using Xunit;

// All of mm is static: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Guestos.Mm.Tests;

/// <summary>One machine of 32 MiB with a kernel, a module and a hole, for all tests.</summary>
internal static unsafe class SimulatedMachine
{
    public const ulong Size = 32 << 20;
    public const ulong Module = 0x500000;
    public const ulong ModuleLength = 0x12345;
    public const ulong Hole = 0x1800000;
    public const ulong HoleLength = 0x3000;

    private static readonly bool s_started = Start();

    private static bool Start()
    {
        MemoryObject.Operations.Hold = &File.Hold;
        MemoryObject.Operations.Release = &File.Release;
        MemoryObject.Operations.PageFrame = &File.PageFrame;
        MemoryObject.Operations.Read = &File.Read;
        MemoryPolicy.MayGrowStack = &MayGrowStack;
        bool started = Frames.Init(default, Size, KernelImage.End() - DirectMap.Base) && PageTable.BuildKernel(Size);
        ZeroPage.Start();
        return started;
    }

    /// <summary>Bytes that <see cref="MemoryPolicy.MayGrowStack"/> allows.</summary>
    public static ulong StackLimit = ulong.MaxValue;

    private static bool MayGrowStack(AddressSpace* space, ulong bytes, ulong pages, bool locked) => bytes <= StackLimit;

    public static void Require() => Assert.True(s_started);

    /// <summary>The descriptor of a frame.</summary>
    public static FrameDescriptor Of(ulong physical) => Frames.Descriptors[physical / Frames.Size];
}

/// <summary>A file whose byte at each offset follows from the offset, with the frames that are mapped of it.</summary>
internal static unsafe class File
{
    public const int Pages = 8;
    private static readonly ulong[] s_frames = new ulong[Pages];

    public static int References;

    public static byte ByteAt(ulong offset) => (byte)(offset * 31 + (offset >> 12) + 7);

    public static void Hold(MemoryObject* file) => References++;

    public static void Release(MemoryObject* file) => References--;

    public static ulong PageFrame(MemoryObject* file, ulong page, bool make)
    {
        if (page >= Pages || (page + 1) * Frames.Size > file->Size)
            return 0;
        if (s_frames[page] == 0 && make)
        {
            s_frames[page] = Frames.Allocate();
            Fill(DirectMap.At(s_frames[page]), page * Frames.Size, Frames.Size);
        }
        return s_frames[page];
    }

    public static long Read(MemoryObject* file, ulong offset, byte* to, ulong count)
    {
        if (offset >= file->Size)
            return 0;
        count = Math.Min(count, file->Size - offset);
        Fill(to, offset, count);
        return (long)count;
    }

    private static void Fill(byte* to, ulong offset, ulong count)
    {
        for (ulong i = 0; i < count; i++)
            to[i] = ByteAt(offset + i);
    }

    public static void FreeFrames()
    {
        for (int i = 0; i < Pages; i++)
        {
            if (s_frames[i] != 0)
                Frames.Release(s_frames[i]);
            s_frames[i] = 0;
        }
    }
}
