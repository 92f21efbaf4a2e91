using System;
using System.Collections.Generic;
using System.Net;

namespace Evilman.Demo;

/// <summary>What the demo plays on: real nodes with a real guest, or a rehearsal with neither.</summary>
internal interface IStage
{
    /// <summary>Where the guest's servers are.</summary>
    IPAddress Guest { get; }

    int Places { get; }

    /// <summary>Brings the guest up on place 0 and tells the story of it.</summary>
    void Raise();

    /// <summary>
    /// Moves the guest and returns when the source has nothing left of it. <paramref name="broken"/> says why waiting
    /// is of no use any more, or null.
    /// </summary>
    MoveRecord Move(int from, int to, Func<string?> broken);

    /// <summary>What the guest said about the last move.</summary>
    IReadOnlyList<string> Account();

    /// <summary>Ends whatever the node at this place still runs: the guest has left it.</summary>
    void Abandon(int place);
}
