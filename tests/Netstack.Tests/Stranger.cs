using System;
using System.Collections.Generic;
using Xunit;

namespace Netstack.Tests;

/// <summary>
/// A peer of host B without a TCP of its own: it sends the segments that a test wants, and what B sends to it reaches nobody else. Host A
/// answers ARP for its address.
/// </summary>
internal sealed unsafe class Stranger
{
    private readonly TwoHosts pair;
    private readonly uint address, server;
    private readonly List<TcpHeader> heard = [];

    public Stranger(TwoHosts pair, uint address)
    {
        this.pair = pair;
        this.address = address;
        server = pair.B.Stack->Addresses[0];
        Assert.True(pair.A.Stack->AddAddress(address, 24));
        Func<bool, byte[], bool>? before = pair.Inspect;
        pair.Inspect = (fromA, frame) => !(!fromA && Take(frame)) && (before?.Invoke(fromA, frame) ?? true);
    }

    /// <summary>Segments of B to this stranger's port, in the order in which they came.</summary>
    public IEnumerable<TcpHeader> Heard(ushort port) => heard.FindAll(header => header.DestinationPort == port);

    private bool Take(byte[] frame)
    {
        if (frame.Length < 54 || frame[12] != 8 || frame[13] != 0 || frame[23] != Ipv4.ProtocolTcp)
            return false;
        fixed (byte* at = frame)
            if (BigEndian.Load32(at + 30) != address)
                return false;
        Assert.True(TcpHeader.TryParse(frame.AsSpan(34), out TcpHeader header));
        heard.Add(header);
        return true;
    }

    public void Send(ushort port, ushort to, uint sequence, uint acknowledgement, TcpFlags flags, byte[]? payload = null, ushort window = 8192)
    {
        payload ??= [];
        byte[] frame = new byte[54 + payload.Length];
        payload.CopyTo(frame, 54);
        fixed (byte* at = frame)
        {
            Ethernet.Emit(at, 0x024500000000UL | server, 0x024500000000UL | pair.A.Stack->Addresses[0], Ethernet.TypeIpv4);
            Ipv4.Emit(at + 14, address, server, Ipv4.ProtocolTcp, (ushort)(40 + payload.Length));
            TcpHeader header = default;
            header.SourcePort = port;
            header.DestinationPort = to;
            header.Sequence = sequence;
            header.Acknowledgement = acknowledgement;
            header.Flags = flags;
            header.Window = window;
            header.Emit(at + 34);
        }
        pair.B.Receive(frame, pair.Now, FrameFlags.ChecksumValid);
        // The programs see it at once.
        pair.Run(() => true, 0, "");
    }

    /// <summary>Three segments: SYN, its acknowledgement, <paramref name="first"/>. Returns what B expects next, and its own number after its SYN.</summary>
    public (uint Next, uint Theirs) Open(ushort port, ushort to, byte[] first)
    {
        uint initial = (uint)port << 12;
        bool IsAnswer(TcpHeader header) => header.DestinationPort == port && (header.Flags & TcpFlags.Syn) != 0;
        for (int attempt = 0; attempt < 3 && !heard.Exists(IsAnswer); attempt++)
        {
            // A cookie is not kept until ARP has found its peer.
            Send(port, to, initial, 0, TcpFlags.Syn);
            pair.Pass(0.001);
        }
        Assert.Contains(heard, IsAnswer);
        uint theirs = heard.Find(IsAnswer).Sequence + 1;
        Send(port, to, initial + 1, theirs, TcpFlags.Ack | TcpFlags.Psh, first);
        return (initial + 1 + (uint)first.Length, theirs);
    }
}
