using System;
using System.Diagnostics;
using System.Threading;
using Xunit;

namespace Testing;

/// <summary>Waiting for what has to happen, however busy the machine is.</summary>
public static class Wait
{
    private const int MillisecondsBetweenLooks = 2;

    /// <summary>Looks until it has happened, at most so many seconds; then the test fails.</summary>
    /// <param name="what">What is waited for, for the message.</param>
    public static void Until(Func<bool> happened, string what, double seconds = 20) => Until(happened, () => "did not happen: " + what, seconds);

    /// <param name="failure">The message, made when the time is over.</param>
    public static void Until(Func<bool> happened, Func<string> failure, double seconds = 20)
    {
        if (!Happens(happened, seconds))
            Assert.Fail(failure());
    }

    /// <summary>Waits for a value that is there.</summary>
    public static T For<T>(Func<T?> look, Func<string> failure, double seconds = 20)
        where T : class
    {
        T? found = null;
        Until(() => (found = look()) != null, failure, seconds);
        return found!;
    }

    /// <summary>Whether it happens within so many seconds.</summary>
    public static bool Happens(Func<bool> happened, double seconds)
    {
        long start = Stopwatch.GetTimestamp();
        while (!happened())
        {
            if (Stopwatch.GetElapsedTime(start).TotalSeconds >= seconds)
                return false;
            Thread.Sleep(MillisecondsBetweenLooks);
        }
        return true;
    }
}
