using System.Numerics;

namespace Guestos;

// The core library of the kernel has no Object.Equals to override.
#pragma warning disable CS0660, CS0661

/// <summary>
/// The number of a signal, 1 to 64 (signal(7), Linux x86-64), or <see cref="None"/>. Only this file makes one: whoever
/// has one may index with it.
/// </summary>
public readonly struct Signal
{
    public const int Count = 64;

    private readonly byte number;

    private Signal(int number) => this.number = (byte)number;

    /// <summary>False for everything but 1 to 64.</summary>
    public static bool TryMake(ulong number, out Signal signal)
    {
        bool valid = number is >= 1 and <= Count;
        signal = new Signal(valid ? (int)number : 0);
        return valid;
    }

    /// <summary>
    /// As <see cref="TryMake"/>, and 0, which asks only whether a signal could be sent, is <see cref="None"/>
    /// (kill(2)).
    /// </summary>
    public static bool TryMakeOrNone(ulong number, out Signal signal) => TryMake(number, out signal) || number == 0;

    /// <summary>The lowest of a set that is not empty.</summary>
    public static Signal LowestOf(ulong set) => new((BitOperations.TrailingZeroCount(set) & (Count - 1)) + 1);

    public int Number => number;

    public bool IsNone => number == 0;

    /// <summary>In a sigset_t: bit 0 is signal 1.</summary>
    public ulong Bit => number == 0 ? 0 : 1UL << (number - 1);

    /// <summary>From 0, for tables of <see cref="Count"/>. Of <see cref="None"/> it is the last.</summary>
    internal int Index => (number - 1) & (Count - 1);

    public bool IsIn(ulong set) => (set & Bit) != 0;

    /// <summary>SIGRTMIN to SIGRTMAX as the kernel counts them: each one sent is kept (POSIX.1 §2.4.1).</summary>
    public bool IsRealTime => number >= 32;

    public static bool operator ==(Signal left, Signal right) => left.number == right.number;

    public static bool operator !=(Signal left, Signal right) => left.number != right.number;

    public static Signal None => default;
    public static Signal HangUp => new(1);
    public static Signal Interrupt => new(2);
    public static Signal Quit => new(3);
    public static Signal IllegalInstruction => new(4);
    public static Signal Trap => new(5);
    public static Signal Abort => new(6);
    public static Signal Bus => new(7);
    public static Signal FloatingPoint => new(8);
    public static Signal Kill => new(9);
    public static Signal User1 => new(10);
    public static Signal SegmentationFault => new(11);
    public static Signal User2 => new(12);
    public static Signal Pipe => new(13);
    public static Signal Alarm => new(14);
    public static Signal Terminate => new(15);
    public static Signal Child => new(17);
    public static Signal Continue => new(18);
    public static Signal Stop => new(19);
    public static Signal TerminalStop => new(20);
    public static Signal TerminalInput => new(21);
    public static Signal TerminalOutput => new(22);
    public static Signal Urgent => new(23);
    public static Signal CpuLimit => new(24);
    public static Signal FileSize => new(25);
    public static Signal VirtualAlarm => new(26);
    public static Signal Profile => new(27);
    public static Signal WindowChange => new(28);
    public static Signal Io => new(29);
    public static Signal BadCall => new(31);
}
