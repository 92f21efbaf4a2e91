using System.Diagnostics;

namespace Evilman.Demo;

/// <summary>One move as the client saw it. Times in <see cref="Stopwatch"/> ticks.</summary>
/// <param name="Asked">When the client asked the guest to move.</param>
/// <param name="Done">When the source's machine was gone.</param>
/// <param name="WireBytes">What the Ethernet carried to the destination meanwhile.</param>
public sealed record MoveRecord(string From, string To, long Asked, long Done, long WireBytes, bool SourceGone)
{
    public double TotalMilliseconds => Stopwatch.GetElapsedTime(Asked, Done).TotalMilliseconds;

    /// <summary>Filled in when the echoes of this move are complete.</summary>
    public Silence Freeze { get; set; }
}
