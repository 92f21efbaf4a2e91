using System;
using Wire;

namespace Packetd;

/// <summary>
/// The accounts of machines that pay, by name. They outlive their machines: what is left is told, or refunded, later.
/// </summary>
/// <param name="accounts">All zero: free.</param>
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

    /// <summary>A place for another account; -1 when all are still kept.</summary>
    public int Reserve(ulong now)
    {
        for (int i = 0; i < accounts.Length; i++)
            if (accounts[i].KeptUntil <= now)
                return i;
        return -1;
    }
}
