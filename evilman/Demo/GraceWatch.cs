using System;
using System.Threading;
using Evilman.Minting;
using Wire;

namespace Evilman.Demo;

/// <summary>Looks at a machine's account ten times a second until it has ended.</summary>
internal sealed class GraceWatch
{
    readonly Thread thread;

    internal GraceWatch(Func<AccountView?> look)
    {
        thread = new Thread(() => Watch(look)) { IsBackground = true };
        thread.Start();
    }

    /// <summary>When nothing was left, and when it had ended: the machine's age in seconds, by the node's clock.</summary>
    internal (ulong Broke, ulong Ended)? Ages { get; private set; }

    internal bool HasEnded => !thread.IsAlive;

    void Watch(Func<AccountView?> look)
    {
        ulong? broke = null;
        while (true)
        {
            AccountView? account;
            try
            {
                account = look();
            }
            catch (Failure)
            {
                continue; // the node answers again, or the story's patience ends
            }
            if (account is null)
                return;
            if (account.State == AccountState.Grace)
                broke ??= account.Seconds;
            if (account.State is AccountState.Ended or AccountState.Refunded)
            {
                if (broke is { } age)
                    Ages = (age, account.Seconds);
                return;
            }
            Thread.Sleep(100);
        }
    }
}
