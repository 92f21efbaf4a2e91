using System;
using System.Collections.Concurrent;
using System.Threading;
using Tokens;

namespace Tokenbroker.Chains;

/// <summary>A chain that nobody has been sold anything of.</summary>
internal sealed record NewChain(Pebbles Pebbles, byte[] End)
{
    /// <summary>Takes one hash for each element: not to be done in a transaction.</summary>
    internal static NewChain Create(int length)
    {
        Pebbles pebbles = Pebbles.Create(length, out byte[] end);
        return new NewChain(pebbles, end);
    }
}

/// <summary>
/// New chains for purchases. One that a refused purchase did not take serves the next, so that requests that cannot
/// succeed cost no hashing, however many there are. Safe for any number of threads.
/// </summary>
internal sealed class ChainPool
{
    /// <summary>Of each length.</summary>
    private const int MaxKept = 16;

    private readonly ConcurrentDictionary<int, ConcurrentBag<NewChain>> kept = new();
    private int made;

    /// <summary>How many were created.</summary>
    internal int Made => Volatile.Read(ref made);

    /// <summary>
    /// Returns a function that runs <paramref name="work"/> with a chain of which nothing is sold; on a
    /// <see cref="Problem"/> the chain goes back to the pool. It may be called again after a rollback, by one thread at
    /// a time.
    /// </summary>
    /// <param name="work">What throws a <see cref="Problem"/> has sold nothing of the chain, nor shown its end.</param>
    internal Func<TFrom, TTo> With<TFrom, TTo>(int length, Func<TFrom, NewChain, TTo> work)
    {
        ConcurrentBag<NewChain> kept = this.kept.GetOrAdd(length, static _ => []);
        NewChain? own = Take(kept, length);
        return from =>
        {
            NewChain chain = own ?? Take(kept, length);
            own = chain;
            try
            {
                return work(from, chain);
            }
            catch (Problem)
            {
                own = null;
                if (kept.Count < MaxKept)
                    kept.Add(chain);
                throw;
            }
        };
    }

    private NewChain Take(ConcurrentBag<NewChain> kept, int length)
    {
        if (kept.TryTake(out NewChain? chain))
            return chain;
        Interlocked.Increment(ref made);
        return NewChain.Create(length);
    }
}
