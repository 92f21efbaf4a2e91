using System;
using System.Collections.Generic;
using Packetd;
using Wire;

namespace Testing.Nodes;

/// <summary>A host that records what it is asked for instead of making system calls.</summary>
public sealed class TestHost : IHost
{
    public const uint Node = 0x0A000002, Client = 0x0A000001;
    public static readonly byte[] Key = "0123456789abcdef"u8.ToArray();
    public const ulong Started = 1_000_000;

    public readonly List<(int Port, byte[] Packet)> Sent = [];
    public readonly List<(int Slot, uint Boot)> Starts = [];
    public readonly List<byte[]> Records = [];
    public readonly List<int> Kills = [];
    public readonly List<Refusal> Refusals = [];
    public bool CanStart = true, CanSend = true;

    public ulong Now { get; set; } = Started + 100;

    public bool Send(int port, scoped Span<byte> packet)
    {
        if (CanSend)
            Sent.Add((port, packet.ToArray()));
        return CanSend;
    }

    public bool Start(int slot, BootToken token, scoped ReadOnlySpan<byte> record)
    {
        Records.Add(record.ToArray());
        if (CanStart)
            Starts.Add((slot, token.BootAddress));
        return CanStart;
    }

    public void Kill(int slot) => Kills.Add(slot);

    public void Refused(uint source, Refusal refusal) => Refusals.Add(refusal);

    /// <summary>A node whose memory is the given arrays, small so that limits are met.</summary>
    public Node<TestHost> MakeNode(Packetd.Domain[] domains, int tokens = 8, ulong started = Started)
    {
        Limits limits = new() { Address = Node, Key = new HmacSha1(Key), Started = started, MaxMemoryMiB = 256, ChainSteps = 100 };
        return new Node<TestHost>(this, limits, domains, new UsedTokens(new byte[tokens * 20], new ulong[tokens]), new Limiter(new ushort[Limiter.Size], 0x9E3779B1));
    }
}
