using System;
using System.Diagnostics;

namespace Evilman.Demo;

/// <summary>
/// The longest time in which the client waited for an echo and heard nothing. A wait begins with the last echo heard
/// or, when nothing was awaited then, with the next record sent; so a client that pauses by itself does not count as
/// frozen.
/// </summary>
/// <param name="Begin">In <see cref="Stopwatch"/> ticks.</param>
public readonly record struct Silence(long Begin, long End)
{
    public double Milliseconds => Stopwatch.GetElapsedTime(Begin, End).TotalMilliseconds;

    /// <summary>
    /// The longest silence that touches the time from <paramref name="from"/> to <paramref name="to"/>.
    /// </summary>
    public static Silence Longest(ReadOnlySpan<Echo> echoes, long from, long to)
    {
        var longest = new Silence(from, from);
        long heard = 0;
        foreach (ref readonly var echo in echoes)
        {
            if (echo.Sent > to)
                break;
            // An echo that never came is awaited until the end of the time looked at.
            var end = echo.Received == 0 ? to : echo.Received;
            var begin = Math.Max(heard, echo.Sent);
            if (end >= from && begin <= to && end - begin > longest.End - longest.Begin)
                longest = new Silence(begin, end);
            if (echo.Received == 0)
                break;
            heard = echo.Received;
        }
        return longest;
    }
}
