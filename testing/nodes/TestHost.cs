using System;
using System.Collections.Generic;
using Packetd;
using Wire;

namespace Testing.Nodes;

/// <summary>A host that records what it is asked for instead of making system calls.</summary>
public sealed class TestHost : IHost
{
    public const uint Node = 0x0A000002, Client = 0x0A000001;
    public static readonly byte[] Key = "0123456789abcdef"u8.ToArray(), FormerKey = "the secret before"u8.ToArray();
    public const ulong Started = 1_000_000;

    /// <summary>In seconds.</summary>
    public const uint Grace = 5;

    /// <summary>Percent: the node holds machines to shares from this on.</summary>
    public const ushort MinCpuShare = 40;

    public readonly List<(int Port, byte[] Packet)> Sent = [];
    public readonly List<(int Slot, uint Boot)> Starts = [];
    public readonly List<byte[]> Records = [];
    public readonly List<int> Kills = [];
    public readonly List<int> Purges = [];
    public readonly Dictionary<int, ulong> Cpu = [];
    public readonly List<Refusal> Refusals = [];
    public bool CanStart = true, CanSend = true;

    public ulong Now { get; set; } = Started + 100;

    public ulong Uptime { get; set; } = 77_777;

    public ulong CpuTime(int slot) => Cpu.GetValueOrDefault(slot);

    public void Purge(int slot) => Purges.Add(slot);

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
    public Node<TestHost> MakeNode(Packetd.Domain[] domains, int tokens = 8, ulong started = Started, Account[]? accounts = null)
    {
        Limits limits = new() { Address = Node, Key = new HmacSha1(Key), FormerKey = new HmacSha1(FormerKey), HasFormerKey = true, MaxMemoryMiB = 256, MinCpuShare = MinCpuShare, ChainSteps = 100, Grace = Grace };
        return new Node<TestHost>(this, limits, domains, new UsedTokens(new UsedToken[tokens]) { Since = started }, new Accounts(accounts ?? new Account[Math.Max(tokens, domains.Length)]), new Limiter(new ushort[Limiter.Size], 0x9E3779B1));
    }
}
