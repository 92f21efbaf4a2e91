using System;
using Wire;

namespace Packetd;

/// <summary>
/// What a machine has paid and used (docs/protocols.md, "What it costs"). Totals only grow, and what they come to is
/// computed from them anew each time: so nothing is rounded away, counted twice or forgotten. Sums and products that do
/// not fit 64 bits count as the largest number that does, which nobody can have paid.
/// </summary>
public struct Account
{
    /// <summary>In seconds: how long an account is kept after its machine's end, at least.</summary>
    private const ulong Kept = 3600;

    /// <summary>The end of the chain that is paid with, and the last of its elements that was paid.</summary>
    public Digest Chain;
    public Digest Last;

    /// <summary>How many elements of that chain have been paid.</summary>
    public uint Count;

    /// <summary>In seconds of <see cref="IHost.Uptime"/>; 0 for a place that never had an account.</summary>
    public ulong KeptUntil;

    /// <summary>The machine's name: the chain end of the boot token that started it.</summary>
    public Digest Machine;

    /// <summary>Until it is closed. Before and after nothing is metered or paid.</summary>
    public bool IsOpen;
    public bool IsRefunded;
    public Digest RefundHash;
    public Quantities Used;

    /// <summary>Units spent in the last whole second that was metered.</summary>
    public ulong Rate;
    private Prices prices;
    private ulong value;
    private ulong paid;
    private ulong spent;

    /// <summary>What had been spent when the last whole second began.</summary>
    private ulong spentBefore;
    private uint memory;

    /// <summary>In milliseconds, as <see cref="IHost.Uptime"/> tells them.</summary>
    private ulong started;

    /// <summary>Begins the account of a token that has not expired.</summary>
    /// <param name="uptime">Milliseconds.</param>
    /// <param name="now">Unix seconds: no later step of that clock keeps the account, or forgets it.</param>
    public void Open(BootToken token, ulong uptime, ulong now)
    {
        this = default;
        KeptUntil = uptime / 1000 + Math.Min(token.Expires - now, uint.MaxValue);
        IsOpen = true;
        Machine = token.ChainEnd;
        Chain = token.ChainEnd;
        RefundHash = token.RefundHash;
        prices = token.Prices;
        value = token.Value;
        memory = token.MemoryMiB;
        started = uptime;
        Credit(in token.First, token.ElementCount, token.ElementCount);
    }

    public readonly bool IsPaid => spent < paid;

    public readonly ulong Unused => IsPaid ? paid - spent : 0;

    /// <summary>Ends metering and payment. From now on the account is kept for an hour at least.</summary>
    public void Close(ulong uptime)
    {
        IsOpen = false;
        KeptUntil = Math.Max(KeptUntil, uptime / 1000 + Kept);
    }

    /// <summary>How many units can still be asked for: none of an account that is settled, or kept no longer.</summary>
    /// <param name="now">Seconds of <see cref="IHost.Uptime"/>.</param>
    public readonly ulong Owed(ulong now) => IsRefunded || KeptUntil <= now ? 0 : Unused;

    /// <summary>
    /// Takes an element that lies <paramref name="steps"/> before the last one. False when that is too much money.
    /// </summary>
    public bool Credit(in Digest element, uint steps, uint count)
    {
        ulong sum = paid + steps * value; // fewer than 2^17 steps of at most 2^40: only the sum can overflow
        if (sum < paid)
            return false;
        paid = sum;
        Count = count;
        Last = element;
        return true;
    }

    /// <summary>Computes what has been spent, from totals that are at least what they were.</summary>
    /// <param name="uptime">Milliseconds.</param>
    /// <param name="cpu">Microseconds.</param>
    public void Measure(ulong uptime, ulong cpu, ulong bytes)
    {
        ulong seconds = (uptime - started) / 1000;
        ulong passed = seconds - Used[(int)Resource.Existence];
        Used[(int)Resource.Cpu] = Math.Max(Used[(int)Resource.Cpu], cpu);
        Used[(int)Resource.Memory] = seconds * memory;
        Used[(int)Resource.Network] = bytes / 1024;
        Used[(int)Resource.Existence] = seconds;
        spent = 0;
        for (int i = 0; i < Prices.Count; i++)
        {
            ulong cost = Multiply(Used[i], prices[i]);
            spent = cost > ulong.MaxValue - spent ? ulong.MaxValue : spent + cost;
        }
        if (passed != 0)
        {
            Rate = (spent - spentBefore) / passed;
            spentBefore = spent;
        }
    }

    /// <summary>
    /// Whether what was used on credit is worth so many seconds of memory and existence, or more.
    /// </summary>
    public readonly bool IsOver(uint grace)
    {
        ulong second = (ulong)prices[(int)Resource.Memory] * memory + prices[(int)Resource.Existence];
        return !IsPaid && spent - paid >= Multiply(grace, second);
    }

    private static ulong Multiply(ulong a, ulong b) => b != 0 && a > ulong.MaxValue / b ? ulong.MaxValue : a * b;
}
