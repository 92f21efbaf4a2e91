// What loader/checkpoint's reader stands on, as ordinary .NET: its guest's memory lies at the machine's physical addresses, since the loader
// runs under an identity map, and the firmware's connection is a stream that a test has recorded.

using System;
using System.Runtime.InteropServices;
using Guestos.Migrate.Tests;
using Wire;

namespace Board
{
    internal readonly unsafe partial struct StartInfo
    {
        public StartInfo(ulong physical, ulong virtualBase)
        {
        }

        public ReadOnlySpan<byte> CommandLine => default;
    }
}

namespace Loader.Checkpoint
{
    internal static unsafe class Areas
    {
        public static byte* Received() => Destination.Received;
    }

    internal static class Features
    {
        public static MachineFeatures Find(ReadOnlySpan<byte> commandLine) => MachineFeatures.Known;
    }

    internal static class GrantedAddresses
    {
        public static bool Name(ReadOnlySpan<byte> commandLine, uint address) => true;
    }

    /// <summary>Wire's, which counts what the loader hashes.</summary>
    internal static class Crc32C
    {
        public const uint ZeroPage = Wire.Crc32C.ZeroPage;

        /// <summary>Bytes.</summary>
        public static long Hashed;

        public static uint Of(ReadOnlySpan<byte> bytes)
        {
            Hashed += bytes.Length;
            return Wire.Crc32C.Of(bytes);
        }
    }
}

namespace Guestos.Migrate.Tests
{
    /// <summary>A machine of 32 MiB that takes a recorded stream in, by the loader's own code. One at a time.</summary>
    internal static unsafe class Destination
    {
        private const ulong First = (ulong)CheckpointHeader.FirstFrame * CheckpointRecord.PageSize;

        private static readonly byte* s_memory = Map();

        private static byte[] s_stream = [];
        private static int s_at, s_mark;

        /// <summary>One bit for each frame that has come.</summary>
        public static readonly byte* Received = (byte*)NativeMemory.AllocZeroed((nuint)(Mm.Tests.SimulatedMachine.Size >> 15));

        /// <summary>Bytes that the loader has hashed of what came before the mark.</summary>
        public static long HashedBefore { get; private set; }

        /// <summary>Bytes that the loader has hashed since the stream had passed the mark.</summary>
        public static long HashedBehind => Loader.Checkpoint.Crc32C.Hashed - HashedBefore;

        public static ReadOnlySpan<byte> Page(uint frame) => new((byte*)((ulong)frame * CheckpointRecord.PageSize), CheckpointRecord.PageSize);

        /// <param name="mark">Where in the stream the counts are divided.</param>
        public static CheckpointRefusal Take(byte[] stream, int mark)
        {
            NativeMemory.Clear(s_memory, (nuint)(Mm.Tests.SimulatedMachine.Size - First));
            NativeMemory.Clear(Received, (nuint)(Mm.Tests.SimulatedMachine.Size >> 15));
            (s_stream, s_at, s_mark) = (stream, 0, mark);
            Loader.Checkpoint.Crc32C.Hashed = HashedBefore = 0;
            ServiceTable services = new() { MemoryEnd = Mm.Tests.SimulatedMachine.Size, Receive = &Receive };
            var reader = new Loader.Checkpoint.CheckpointReader(new Loader.Peer(&services));
            return reader.Receive();
        }

        private static long Receive(byte* to, ulong count)
        {
            if (s_at <= s_mark)
                HashedBefore = Loader.Checkpoint.Crc32C.Hashed;
            int taken = Math.Min((int)count, s_stream.Length - s_at);
            s_stream.AsSpan(s_at, taken).CopyTo(new Span<byte>(to, taken));
            s_at += taken;
            return taken;
        }

        // Where nothing else lies: what the system has put there is left alone, and fails the test.
        private static byte* Map()
        {
            const int ReadWrite = 3, PrivateAnonymousFixedNoReplace = 0x100022;
            nint mapped = mmap((nint)First, (nint)(Mm.Tests.SimulatedMachine.Size - First), ReadWrite, PrivateAnonymousFixedNoReplace, -1, 0);
            return mapped == (nint)First ? (byte*)mapped : throw new InvalidOperationException($"no memory at {First:x}");
        }

        [DllImport("libc")]
        private static extern nint mmap(nint address, nint length, int protection, int flags, int file, nint offset);
    }
}
