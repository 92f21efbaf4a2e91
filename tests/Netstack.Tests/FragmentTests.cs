using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using Xunit;

namespace Netstack.Tests;

/// <summary>IPv4 reassembly and fragmenting: every order, and everything that no honest sender does.</summary>
public sealed unsafe class FragmentTests
{
    private const uint A = 0x0a000001, B = 0x0a000002;

    private static byte[] Fragment(byte[] data, int offset, int length, bool more, ushort identification = 7, byte protocol = 1, uint source = B)
    {
        byte[] frame = new byte[34 + length];
        fixed (byte* at = frame)
        {
            Ethernet.Emit(at, 0x024500000000UL | A, 0x024500000000UL | B, Ethernet.TypeIpv4);
            uint word = (uint)identification << 16 | (more ? Ipv4.MoreFragmentsBit : 0) | (uint)offset / 8;
            Ipv4.Emit(at + 14, source, A, protocol, 20 + length, word);
        }
        data.AsSpan(offset, length).CopyTo(frame.AsSpan(34));
        return frame;
    }

    private static byte[] Echo(int length)
    {
        byte[] data = Pattern.Make(0, length);
        data[0] = Icmp.EchoRequest;
        data[1] = data[2] = data[3] = 0;
        fixed (byte* at = data)
            Unsafe.WriteUnaligned(at + 2, (ushort)~Checksum.Sum(at, length));
        return data;
    }

    private static Host NewHost()
    {
        Host host = new(A, LinkCapabilities.None, Host.WithRings);
        // B is known, so that answers leave.
        byte[] ask = new byte[14 + Arp.Length];
        fixed (byte* at = ask)
        {
            Ethernet.Emit(at, Ethernet.Broadcast, 0x024500000000UL | B, Ethernet.TypeArp);
            Arp packet = new() { Operation = Arp.Request, SenderMac = 0x024500000000UL | B, SenderAddress = B, TargetAddress = A };
            packet.Emit(at + 14);
        }
        host.Receive(ask, 1);
        host.Sent.Clear();
        return host;
    }

    private static List<byte[]> Cut(byte[] data, int size, ushort identification = 7)
    {
        List<byte[]> frames = [];
        for (int offset = 0; offset < data.Length; offset += size)
        {
            int length = Math.Min(size, data.Length - offset);
            frames.Add(Fragment(data, offset, length, offset + length < data.Length, identification));
        }
        return frames;
    }

    [Theory]
    [InlineData(2000, 1480)]
    [InlineData(8008, 1480)]
    [InlineData(8008, 512)]
    [InlineData(65515, 1480)]
    [InlineData(3000, 104)]
    public void LargePingsAreAnsweredInWhateverOrderTheyCome(int length, int size)
    {
        byte[] data = Echo(length);
        for (int seed = 0; seed < 8; seed++)
        {
            using Host host = NewHost();
            Random random = new(seed);
            List<byte[]> frames = Cut(data, size);
            byte[][] order = seed == 0 ? [.. frames] : seed == 1 ? [.. frames.AsEnumerable().Reverse()] : [.. frames.OrderBy(_ => random.Next())];
            // So many holes that a shuffled long packet has are not kept.
            if (frames.Count > 32 && seed > 1)
                continue;
            foreach (byte[] frame in order)
                host.Receive(frame, 2);
            byte[] answer = new byte[length];
            int got = 0;
            foreach (SentFrame sent in host.Sent)
            {
                Assert.True(sent.Bytes.Length <= 1514);
                Ipv4Error error = Ipv4.Parse(sent.Bytes.AsSpan(14), sent.Bytes.Length - 14, out IpHeader ip);
                Assert.True(error is Ipv4Error.Fragment or Ipv4Error.None);
                sent.Bytes.AsSpan(34).CopyTo(answer.AsSpan(ip.FragmentOffset));
                got += sent.Bytes.Length - 34;
            }
            Assert.Equal(length, got);
            Assert.Equal(Icmp.EchoReply, answer[0]);
            fixed (byte* at = answer)
                Assert.Equal(0xffffu, Checksum.Sum(at, length));
            Assert.Equal(data.AsSpan(4).ToArray(), answer.AsSpan(4).ToArray());
            Assert.Empty(host.Rings);
        }
    }

    public static TheoryData<string, int, int, bool> Hostile => new()
    {
        { "the same again", 0, 1480, true },
        { "an overlap at the end", 1472, 1480, true },
        { "an overlap at the beginning", 8, 800, true },
        { "a last one that ends before what has come", 8, 8, false },
        { "one that is no multiple of eight", 1480, 1001, true },
        { "an empty one", 1480, 0, true },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void WhatNoSenderMakesIsNotBelieved(string what, int offset, int length, bool more)
    {
        using Host host = NewHost();
        byte[] data = Echo(4000);
        host.Receive(Fragment(data, 0, 1480, true), 2);
        host.Receive(Fragment(data, offset, length, more), 2);
        Assert.True(host.Stack->Counters.FragmentsRefused == 1, what);
        bool dropped = host.Rings.Count == 0;
        host.Receive(Fragment(data, 1480, 1480, true), 2);
        host.Receive(Fragment(data, 2960, 1040, false), 2);
        // Either the packet went with it, or only the fragment.
        Assert.Equal(dropped ? 0 : 3, host.Sent.Count);
    }

    [Theory]
    [InlineData(Ipv4.ProtocolTcp, 0, 16)]
    [InlineData(Ipv4.ProtocolTcp, 8, 800)]
    [InlineData(Ipv4.ProtocolTcp, 16, 800)]
    public void HeadersAreNotCut(byte protocol, int offset, int length)
    {
        using Host host = NewHost();
        host.Receive(Fragment(new byte[2000], offset, length, true, 7, protocol), 2);
        Assert.Equal(1ul, host.Stack->Counters.FragmentsRefused);
        Assert.Empty(host.Rings);
    }

    [Fact]
    public void LongestPacketIsTheEnd()
    {
        using Host host = NewHost();
        host.Receive(Fragment(new byte[70000], 65512, 8, true), 2);
        host.Receive(Fragment(new byte[70000], 65512, 4, false), 2);
        Assert.Equal(2ul, host.Stack->Counters.FragmentsRefused);
        Assert.Empty(host.Rings);
    }

    [Fact]
    public void UnfinishedPacketsAreFewAndShortLived()
    {
        using Host host = NewHost();
        byte[] data = Echo(4000);
        for (ushort i = 0; i < 1000; i++)
        {
            host.Receive(Fragment(data, 1480, 1480, true, i), 2 + (ulong)i);
            Assert.InRange(host.Rings.Count, 1, Fragments.MaxPackets / 2);
        }
        for (uint i = 0; i < 1000; i++)
        {
            host.Receive(Fragment(data, 1480, 1480, true, 1, 1, 0x0a000010 + i % 200), 2000 + (ulong)i);
            Assert.InRange(host.Rings.Count, 1, Fragments.MaxPackets);
        }
        host.Stack->Poll(31_000_000_000);
        Assert.Empty(host.Rings);
        Assert.Equal(ulong.MaxValue, host.Stack->NextDeadline());
    }

    [Fact]
    public void LongDatagramsGoThere()
    {
        using TwoHosts pair = new(new FaultRates(), 1, A, B, c =>
        {
            c.DatagramBuffer = 128 * 1024;
            return Host.WithRings(c);
        });
        int from = pair.A.Stack->OpenUdp(0, 0, pair.Now), to = pair.B.Stack->OpenUdp(0, 99, pair.Now);
        byte[] into = new byte[70000];
        foreach (int length in new[] { 1, 1472, 1473, 8000, 65507 })
        {
            // Once more for the neighbour that has to be asked first.
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal(length, pair.A.Stack->SendTo(from, Pattern.Make(length, length), B, 99, pair.Now));
                pair.Pass(0.1);
            }
            int got, last = 0;
            while ((got = pair.B.Stack->ReceiveFrom(to, into, out _)) >= 0)
                last = got;
            Assert.Equal(length, last);
            Assert.Equal(-1, Pattern.FirstWrong(into.AsSpan(0, length), length));
        }
        Assert.Equal(SocketError.MessageTooLong, pair.A.Stack->SendTo(from, new byte[65508], B, 99, pair.Now));
        // Our own, in one piece: the loopback's ring has to have the room.
        Assert.Empty(pair.B.Rings);
    }

    /// <summary>A magic ping: a token in an Echo Request of one frame, with a right checksum, and the reply's payload.</summary>
    [Theory]
    [InlineData(152)]
    [InlineData(200)]
    [InlineData(1464)]
    public void PingsCarryTokens(int token)
    {
        using TwoHosts pair = new(new FaultRates(), 1, A, B);
        List<byte[]> requests = [];
        pair.Inspect = (fromA, frame) =>
        {
            if (fromA && frame[12] == 8 && frame[13] == 0)
                requests.Add(frame);
            return true;
        };
        int socket = pair.A.Stack->OpenEcho(0, pair.Now);
        byte[] message = Pattern.Make(0, 8 + token);
        message[6] = 0x12;
        message[7] = 0x34;
        Assert.Equal(message.Length, pair.A.Stack->SendTo(socket, message, B, 0, pair.Now));
        pair.Pass(0.1);
        byte[] request = Assert.Single(requests);
        Assert.Equal((14 + 20 + 8 + token, 0x40), (request.Length, request[20]));
        Assert.Equal(message.AsSpan(8).ToArray(), request.AsSpan(42).ToArray());
        fixed (byte* at = request)
            Assert.Equal(0xffffu, Checksum.Sum(at + 34, request.Length - 34));
        byte[] reply = new byte[2000];
        Assert.Equal(message.Length, pair.A.Stack->ReceiveFrom(socket, reply, out Endpoints from));
        Assert.Equal(((Address)B, Icmp.EchoReply, 0x12, 0x34), (from.RemoteAddress, reply[0], reply[6], reply[7]));
        Assert.Equal(message.AsSpan(8).ToArray(), reply.AsSpan(8, token).ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void RandomFragments(int seed)
    {
        Random random = new(seed);
        using Host host = NewHost();
        host.OnTransmit = _ => { };
        byte[] data = new byte[66000];
        for (int i = 0; i < 100_000; i++)
        {
            int offset = random.Next(4) switch { 0 => 0, 1 => random.Next(4) * 8, 2 => random.Next(200) * 8, _ => random.Next(8192) * 8 };
            int length = random.Next(3) switch { 0 => random.Next(40), 1 => random.Next(186) * 8, _ => 8 };
            length = Math.Min(length, 66000 - offset);
            byte[] frame = Fragment(data, Math.Min(offset, 65528), length, random.Next(2) == 0, (ushort)random.Next(3), (byte)(random.Next(3) switch { 0 => 1, 1 => 6, _ => 17 }),
                B + (uint)random.Next(3));
            host.Receive(frame, (ulong)i * 1_000_000 + 2);
            if (i % 64 == 0)
                host.Stack->Poll((ulong)i * 1_000_000 + 2);
            Assert.InRange(host.Rings.Count, 0, Fragments.MaxPackets);
        }
        Assert.True(host.Stack->Counters.PacketsReassembled > 0);
        host.Stack->Poll(1_000_000_000_000);
        Assert.Empty(host.Rings);
        // It still serves.
        foreach (byte[] frame in Cut(Echo(3000), 1480, 1234))
            host.Receive(frame, 1_000_000_000_001);
        Assert.True(host.Stack->Counters.EchoRequestsAnswered > 0);
    }
}
