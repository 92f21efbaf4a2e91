// What guestos/proc stands on besides mm, as ordinary .NET.

using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Text;
using Guestos.Proc.Tests;

#pragma warning disable CS8500

namespace Board
{
    internal static partial class Processor
    {
        /// <summary>The machine waits for an interrupt: the timer's, or it has come to its end.</summary>
        public static void EnableInterruptsAndHalt() => Simulation.Halt();

        public static void DisableInterrupts()
        {
        }

        /// <summary>Its time stamp counter, which does not move unless a test moves it.</summary>
        public static ulong Counter;

        public static ulong ReadTimeStampCounter() => Counter;

        /// <summary>One without AVX.</summary>
        public static unsafe void CpuId(uint leaf, uint subleaf, uint* result) => Unsafe.InitBlock(result, 0, 16);
    }
}

namespace Guestos
{
    public static partial class Clock
    {
        public static ulong Realtime => Monotonic + 1_700_000_000_000_000_000;

        public static void SetRealtime(ulong nanoseconds)
        {
        }

        internal static uint ToTimerTicks(ulong nanoseconds) => (uint)Math.Min(nanoseconds, uint.MaxValue);
    }

    internal static unsafe partial class Symbols
    {
        public static ulong FirstReturn() => 1;

        public static void ServeInterrupts() => Simulation.ServeTimer();

        public static void SaveFloat(byte* image) => Unsafe.CopyBlock(image, Simulation.Floats, 512);

        public static void LoadFloat(byte* image) => Unsafe.CopyBlock(Simulation.Floats, image, 512);

        public static void SaveUpper(byte* to)
        {
        }

        public static void LoadUpper(byte* from)
        {
        }

        public static void SwitchOnUpper()
        {
        }

        public static void SwitchContext(ulong* save, ulong load) => Simulation.Switch(save, load);
    }

    internal static unsafe class Descriptors
    {
        public const ushort UserCode = 0x33, UserData = 0x2b;

        public static ulong Fs, Gs;

        public static void LoadUserBases(ulong fs, ulong gs)
        {
            Fs = fs;
            Gs = gs;
        }
    }

    internal static class Interrupts
    {
        public static void StartTimer(uint ticks) => Simulation.TimerAt = Clock.Monotonic + ticks;
    }

    internal static partial class Panic
    {
        public static unsafe delegate*<void> Context;
    }

    internal static class Power
    {
        public static void Off() => throw new InvalidOperationException("off");

        public static void Reset() => throw new InvalidOperationException("reset");
    }

    internal static class Console
    {
        public static readonly StringBuilder Text = new();

        public static void Write(ReadOnlySpan<byte> text) => Text.Append(Encoding.ASCII.GetString(text));

        public static void WriteDecimal(ulong value) => Text.Append(value);

        public static void WriteHex(ulong value) => Text.Append(value.ToString("x"));
    }

    internal static class Vfs
    {
        public const int PathCapacity = 4096;
    }

    internal static unsafe class Exec
    {
        public static long Run(byte* path, UserPointer<UserString> arguments, UserPointer<UserString> environment) => Errno.ENOENT;
    }

    public readonly unsafe partial struct UserRange
    {
        /// <summary>All processes have the same memory for the kernel: only <see cref="UserMemory"/>.</summary>
        private static bool MakePresent(ulong from, ulong to, Access access) => UserMemory.Holds(from, to);
    }
}
