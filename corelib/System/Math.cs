using System.Runtime.CompilerServices;

namespace System
{
    public static class Math
    {
        public static int Min(int a, int b) => a < b ? a : b;
        public static uint Min(uint a, uint b) => a < b ? a : b;
        public static long Min(long a, long b) => a < b ? a : b;
        public static ulong Min(ulong a, ulong b) => a < b ? a : b;
        public static int Max(int a, int b) => a > b ? a : b;
        public static uint Max(uint a, uint b) => a > b ? a : b;
        public static long Max(long a, long b) => a > b ? a : b;
        public static ulong Max(ulong a, ulong b) => a > b ? a : b;
        public static int Abs(int value) => value < 0 ? -value : value;
        public static long Abs(long value) => value < 0 ? -value : value;

        public static int Clamp(int value, int min, int max)
        {
            if (value < min)
                return min;
            return value > max ? max : value;
        }

        public static ulong Clamp(ulong value, ulong min, ulong max)
        {
            if (value < min)
                return min;
            return value > max ? max : value;
        }
    }
}

namespace System.Numerics
{
    public static class BitOperations
    {
        public static uint RotateLeft(uint value, int offset) => (value << offset) | (value >> (32 - offset));
        public static ulong RotateLeft(ulong value, int offset) => (value << offset) | (value >> (64 - offset));
        public static uint RotateRight(uint value, int offset) => (value >> offset) | (value << (32 - offset));
        public static ulong RotateRight(ulong value, int offset) => (value >> offset) | (value << (64 - offset));

        public static int PopCount(ulong value)
        {
            value -= (value >> 1) & 0x5555555555555555;
            value = (value & 0x3333333333333333) + ((value >> 2) & 0x3333333333333333);
            value = (value + (value >> 4)) & 0x0f0f0f0f0f0f0f0f;
            return (int)((value * 0x0101010101010101) >> 56);
        }

        public static int PopCount(uint value) => PopCount((ulong)value);

        public static int TrailingZeroCount(ulong value) => value == 0 ? 64 : PopCount((value & (0 - value)) - 1);
        public static int TrailingZeroCount(uint value) => value == 0 ? 32 : TrailingZeroCount((ulong)value);

        public static int Log2(ulong value)
        {
            value |= value >> 1;
            value |= value >> 2;
            value |= value >> 4;
            value |= value >> 8;
            value |= value >> 16;
            value |= value >> 32;
            return PopCount(value) - 1 + (value == 0 ? 1 : 0);
        }

        public static int LeadingZeroCount(ulong value) => value == 0 ? 64 : 63 - Log2(value);
        public static int LeadingZeroCount(uint value) => value == 0 ? 32 : 31 - Log2(value);
        public static uint RoundUpToPowerOf2(uint value) =>
            value <= 1 ? value : (uint)(1UL << (64 - LeadingZeroCount((ulong)value - 1)));

        public static ulong RoundUpToPowerOf2(ulong value) =>
            value <= 1 ? value : 1UL << (64 - LeadingZeroCount(value - 1));
    }
}

namespace System.Runtime.Intrinsics.X86
{
    /// <summary>
    /// SSE4.2 is in the baseline of the machine (x86-64-v2). The compiler replaces each body with the instruction.
    /// </summary>
    [Intrinsic]
    public abstract class Sse42
    {
        public static bool IsSupported => IsSupported;

        public static uint Crc32(uint crc, byte data) => Crc32(crc, data);

        [Intrinsic]
        public abstract class X64
        {
            public static bool IsSupported => IsSupported;

            public static ulong Crc32(ulong crc, ulong data) => Crc32(crc, data);
        }
    }
}
