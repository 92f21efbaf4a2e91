using System;
using System.Net;

namespace Evilman.Net;

/// <summary>An Echo Reply as it came.</summary>
/// <param name="Sequence">Of the request that it answers.</param>
/// <param name="Payload">What follows the ICMP header.</param>
/// <param name="At">When it was read, by the wire's clock.</param>
public readonly record struct ReceivedEcho(ushort Sequence, byte[] Payload, TimeSpan At);

/// <summary>Carries ICMP Echo, and tells the time by which that is measured.</summary>
public interface IEchoWire
{
    /// <summary>Since any moment; never steps back.</summary>
    TimeSpan Now { get; }

    /// <summary>Sends one request and returns its sequence number, which no other of the last 65,535 has.</summary>
    /// <exception cref="Failure">It cannot be sent.</exception>
    ushort Send(IPAddress to, ReadOnlySpan<byte> payload);

    /// <summary>
    /// The next reply to any request of this wire; null when none comes until that time. What has come already is found
    /// although the time is over.
    /// </summary>
    ReceivedEcho? Receive(IPAddress from, TimeSpan until);
}
