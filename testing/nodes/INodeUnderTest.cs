using System;
using System.Collections.Generic;
using Packetd;

namespace Testing.Nodes;

/// <summary>What a node counted for one domain.</summary>
public sealed record Counters(ulong Sent, ulong Received, ulong Dropped, ulong Forged);

/// <summary>A node that is given a sequence of happenings, and what it does. 0 stands for the link.</summary>
public interface INodeUnderTest : IDisposable
{
    ulong Now { set; }

    /// <summary>The domains that run, by boot address, in order.</summary>
    IEnumerable<uint> Domains { get; }

    /// <summary>Sends a packet (header, frame) in the name of the link or of a domain, in a tenth of a second of its own; all frames that come of it.</summary>
    List<(uint To, byte[] Frame)> Send(uint from, byte[] packet);

    Counters End(uint boot, Ending how);

    /// <returns>The node's clock when it is ready again.</returns>
    ulong Restart(bool politely);

    void HideProgram(bool hidden);
}

/// <summary>The node sent no answer where there always is one, or has ended.</summary>
public sealed class SilentException(string message) : Exception(message);
