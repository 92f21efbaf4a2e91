using System;
using System.Globalization;
using System.Text;
using Evilman.Text;
using Wire;

namespace Evilman.Minting;

/// <summary>
/// A node's statement about a machine's account, as people and programs read it. Its signature is for the broker, who
/// has the node's secret.
/// </summary>
public sealed record AccountView(
    AccountState State,
    uint Paid,
    ulong Unused,
    ulong Rate,
    ulong CpuMicroseconds,
    ulong MemoryMibSeconds,
    ulong NetworkKib,
    ulong Seconds,
    byte[] Bytes)
{
    /// <summary>Null unless it is a statement about the machine with this name.</summary>
    public static AccountView? TryRead(byte[]? bytes, ReadOnlySpan<byte> machine)
    {
        if (!Statement.TryParse(bytes, out var statement) || !statement.Machine.Bytes.SequenceEqual(machine))
            return null;
        return new AccountView(
            statement.State,
            statement.Count,
            statement.Unused,
            statement.Rate,
            statement.Used(Resource.Cpu),
            statement.Used(Resource.Memory),
            statement.Used(Resource.Network),
            statement.Used(Resource.Existence),
            bytes!);
    }

    /// <summary>
    /// Seconds until nothing is left at the present rate; null when it costs nothing, and when nothing is left already.
    /// </summary>
    public ulong? SecondsLeft => State != AccountState.Running || Rate == 0 ? null : Unused / Rate;

    public string Word => State switch
    {
        AccountState.Running => "running",
        AccountState.Grace => "grace",
        AccountState.Ended => "ended",
        AccountState.Refunded => "refunded",
        _ => "unknown",
    };

    public string Sentence() => State switch
    {
        AccountState.Running when SecondsLeft is { } left => Say(
            $"{Unused} units are left: {Quantity.Age((long)Math.Min(left, uint.MaxValue))} at {Rate} a second"),
        AccountState.Running => Say($"{Unused} units are left, and nothing was spent in the last second"),
        AccountState.Grace => Say(
            $"nothing is left: the node ends the machine when its grace is over, unless it is paid ({Rate} a second)"),
        AccountState.Ended => Say($"the machine has ended; {Unused} units were left and can be refunded"),
        _ => Say($"the machine was ended for a refund of {Unused} units"),
    };

    public string UsedSentence() => Say(
        $"used       {CpuMicroseconds / 1e6:0.###} s of CPU time, {MemoryMibSeconds} MiB-seconds, ")
        + Say($"{NetworkKib} KiB sent and received, in {Seconds} s");

    /// <summary>One line. All numbers are exact integers.</summary>
    public string Json()
    {
        var left = SecondsLeft?.ToString(CultureInfo.InvariantCulture) ?? "null";
        return new StringBuilder("{")
            .Append(Say($"\"state\":\"{Word}\",\"paid_tokens\":{Paid},\"unused\":{Unused},\"rate\":{Rate},"))
            .Append(Say($"\"seconds_left\":{left},\"cpu_us\":{CpuMicroseconds},"))
            .Append(Say($"\"memory_mib_s\":{MemoryMibSeconds},\"network_kib\":{NetworkKib},\"seconds\":{Seconds},"))
            .Append(Say($"\"statement\":\"{Convert.ToHexStringLower(Bytes)}\"}}"))
            .ToString();
    }

    static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
