// What guestos/mm stands on, as ordinary .NET: physical memory is a block of the C heap, translations are not cached, and a panic is an
// exception.

using System;
using System.Runtime.InteropServices;

#pragma warning disable CS8500

namespace Board
{
    internal static partial class Processor
    {
        public static ulong Root;

        /// <summary>Pages whose cached translations were invalidated: the first thousand since it was cleared.</summary>
        public static readonly System.Collections.Generic.List<ulong> Invalidated = [];

        public static void InvalidatePage(ulong address)
        {
            if (Invalidated.Count < 1000)
                Invalidated.Add(address);
        }

        public static ulong ReadCr3() => Root;

        public static void WriteCr3(ulong root) => Root = root;

        /// <summary>How often the machine was reset, which here comes back.</summary>
        public static int Resets;

        public static void Reset() => Resets++;
    }

    internal static class IoApic
    {
        public const ulong Physical = 0xfec00000;
    }

    internal static class LocalApic
    {
        public const ulong Physical = 0xfee00000;
    }

    internal readonly partial struct StartInfo
    {
        public const uint Ram = 1;

        public record struct Piece(ulong Address, ulong Length, uint Kind);

        public int ModuleCount => 1;

        public int MemoryRangeCount => 2;

        /// <summary>Behind the kernel's image, with room for the descriptors before it.</summary>
        public Piece ModuleAt(int index) => new(Guestos.Mm.Tests.SimulatedMachine.Module, Guestos.Mm.Tests.SimulatedMachine.ModuleLength, 0);

        public Piece MemoryRangeAt(int index) => index == 0 ? new(0, Guestos.Mm.Tests.SimulatedMachine.Size, Ram)
            : new(Guestos.Mm.Tests.SimulatedMachine.Hole, Guestos.Mm.Tests.SimulatedMachine.HoleLength, 2);
    }
}

namespace Guestos
{
    public static unsafe class DirectMap
    {
        public const int PageSize = 4096;

        /// <summary>Above user space, and where a process of the host may have memory: pointers are what the kernel takes them for.</summary>
        public const ulong Base = 0x4000_0000_0000;

        /// <summary>User addresses are below the kernel's here too, and end, as in a guest, a page before those of a top-level entry do.</summary>
        public const ulong UserEnd = (1UL << 45) - PageSize;

        private static readonly byte* s_memory = Map(Base, Mm.Tests.SimulatedMachine.Size);

        /// <summary>Told of each address that the kernel asks for, since it may be about to write there; or null.</summary>
        public static Action<ulong>? Asked;

        public static byte* At(ulong physical)
        {
            Asked?.Invoke(physical);
            return s_memory + physical;
        }

        public static ulong PhysicalOf(void* pointer) => (ulong)((byte*)pointer - s_memory);

        /// <summary>Makes zeroed memory at an address, instead of what was there.</summary>
        public static byte* Map(ulong address, ulong length)
        {
            const int ReadWrite = 3, PrivateAnonymousFixed = 0x32;
            nint mapped = mmap((nint)address, (nint)length, ReadWrite, PrivateAnonymousFixed, -1, 0);
            return mapped == (nint)address ? (byte*)mapped : throw new InvalidOperationException($"no memory at {address:x}");
        }

        [DllImport("libc")]
        private static extern nint mmap(nint address, nint length, int protection, int flags, int file, nint offset);
    }

    /// <summary>The processor is idle, and the test runs on it.</summary>
    internal static unsafe partial class Symbols
    {
        public static LogicalProcessor* CurrentProcessor() => LogicalProcessor.First;

        public static void* CurrentThread() => LogicalProcessor.First->CurrentThread;
    }

    internal static class KernelImage
    {
        public static ulong TextStart() => DirectMap.Base + Frames.FirstByte;
        public static ulong RodataStart() => TextStart() + 0x40000;
        public static ulong DataStart() => TextStart() + 0x60000;
        public static ulong End() => TextStart() + 0x80000;
    }

    public static partial class Clock
    {
        private static ulong s_now;

        /// <summary>Nanoseconds by which each look at the clock sets it forward.</summary>
        public static ulong Step;

        public static ulong Monotonic
        {
            get => s_now += Step;
            set => s_now = value;
        }
    }

    internal static partial class Panic
    {
        public static void Stop(ReadOnlySpan<byte> why) => throw new InvalidOperationException(System.Text.Encoding.ASCII.GetString(why));
    }
}
