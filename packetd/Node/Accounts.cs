using System;
using Wire;

namespace Packetd;

/// <summary>
/// The accounts of machines that pay, by name. They outlive their machines: what is left is told, or refunded, later.
/// </summary>
/// <param name="accounts">More than machines run at a time. All zero: free.</param>
public readonly ref struct Accounts(Span<Account> accounts)
{
    private readonly Span<Account> accounts = accounts;

    public ref Account this[int place] => ref accounts[place];

    /// <summary>Where the account with this name is; -1 when it is not kept, or never was.</summary>
    public int Find(in Digest machine)
    {
        for (int i = 0; i < accounts.Length; i++)
            if (accounts[i].KeptUntil != 0 && accounts[i].Machine.Is(in machine))
                return i;
        return -1;
    }

    /// <summary>
    /// A place for another account: a free one, or that of the ended machine with the smallest unused balance, and of
    /// several such the one whose time ends first. So accounts never keep the node from starting machines, and an
    /// attacker who wants a balance forgotten has to leave a larger one of his own in every other place.
    /// </summary>
    /// <param name="now">Seconds of <see cref="IHost.Uptime"/>.</param>
    public int Reserve(ulong now)
    {
        int place = -1;
        for (int i = 0; i < accounts.Length; i++)
            if (!accounts[i].IsOpen && (place < 0 || IsBefore(in accounts[i], in accounts[place], now)))
                place = i;
        return place;
    }

    private static bool IsBefore(in Account one, in Account other, ulong now)
    {
        ulong owed = one.Owed(now);
        ulong least = other.Owed(now);
        return owed < least || (owed == least && one.KeptUntil < other.KeptUntil);
    }
}
