using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Net;
using Testing.Nodes;

namespace Testing.Machines;

/// <summary>
/// Peers of a machine without a TCP of their own, 10.0.0.100 to 10.0.0.199: they send the segments that a test wants, and acknowledge nothing by
/// themselves. They answer ARP.
/// </summary>
public sealed class RawPeer : IDisposable
{
    public const byte Fin = 1, Syn = 2, Push = 8, Acknowledge = 16;

    private const int First = 100, Count = 100;
    private static readonly byte[] s_mac = [2, 0xaa, 0, 0, 0, 1];

    private readonly int socket;
    private readonly byte[] machineMac;
    private readonly uint target;
    private readonly List<Segment> heard = [];

    /// <summary>A TCP segment that came to a peer; <paramref name="Length"/> is that of its data.</summary>
    public sealed record Segment(uint Address, ushort Port, uint Sequence, byte Flags, int Length);

    public RawPeer(Space space, string boot, string address)
    {
        socket = PacketSocket.OpenLink(space.Name, "br0", 20);
        machineMac = Frames.Mac(Number(boot));
        target = Number(address);
    }

    private static uint Number(string address) => BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(address).GetAddressBytes());

    /// <summary>Address of the index-th connection.</summary>
    private uint AddressOf(int index) => (target & 0xffffff00) + (uint)(First + index % Count);

    private static ushort PortOf(int index) => (ushort)(20_000 + index);

    /// <summary>
    /// Opens connections, so many at once, with an invalid first segment, waits for the refusal, acknowledges nothing of it, and sends a
    /// FIN. Returns how many were refused.
    /// </summary>
    public int OpenAndLeave(int count, ushort port, int bytes)
    {
        const int Together = 4;
        int refused = 0;
        for (int begin = 0; begin < count; begin += Together)
        {
            int[] batch = [.. Enumerable.Range(begin, Math.Min(Together, count - begin))];
            heard.Clear();
            Await(batch, segment => (segment.Flags & Syn) != 0, index => Send(index, port, 1, 0, Syn, []));
            Await(batch, segment => segment.Length > 0, index =>
            {
                if (Find(index, segment => (segment.Flags & Syn) != 0) is { } answer)
                    Send(index, port, 2, answer.Sequence + 1, Acknowledge | Push, new byte[bytes]);
            });
            foreach (int index in batch)
            {
                if (Find(index, segment => segment.Length > 0) is not { } refusal)
                    continue;
                refused++;
                Send(index, port, 2 + (uint)bytes, refusal.Sequence, Acknowledge | Fin, []);
            }
        }
        return refused;
    }

    /// <summary>
    /// The initial sequence number with which the port answers the first peer, whose side of it is the same each time: for a SYN cookie a matter of
    /// the keys alone (RFC 4987 §3.6).
    /// </summary>
    public uint AskSequence(ushort port)
    {
        heard.Clear();
        Await([0], segment => (segment.Flags & Syn) != 0, index => Send(index, port, 1, 0, Syn, []));
        return Find(0, segment => (segment.Flags & Syn) != 0)?.Sequence ?? throw new TimeoutException($"nobody answers at port {port}");
    }

    private Segment? Find(int index, Func<Segment, bool> what) =>
        heard.Find(segment => segment.Port == PortOf(index) && segment.Address == AddressOf(index) && what(segment));

    /// <summary>Sends, and again every 300 ms what is not answered, for three seconds at most.</summary>
    private void Await(int[] batch, Func<Segment, bool> answer, Action<int> send)
    {
        var clock = Stopwatch.StartNew();
        for (int times = 0; times < 10; times++)
        {
            int[] left = [.. batch.Where(index => Find(index, answer) == null)];
            if (left.Length == 0)
                return;
            Array.ForEach(left, send);
            while (clock.ElapsedMilliseconds < 300 * (times + 1) && left.Any(index => Find(index, answer) == null))
                Hear();
        }
    }

    private void Hear()
    {
        if (PacketSocket.Receive(socket) is not { Length: >= 42 } frame)
            return;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12));
        if (type == 0x806 && frame[21] == 1)
        {
            uint wanted = BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(38)), asks = BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(28));
            if (wanted - AddressOf(0) < Count && wanted != asks)
                Put(Frames.Arp(2, s_mac, wanted, asks, frame[6..12]));
            return;
        }
        int header = 14 + (frame[14] & 15) * 4;
        if (type != 0x800 || frame[23] != 6 || frame.Length < header + 20)
            return;
        uint to = BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(30));
        int length = 14 + BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(16)) - header - (frame[header + 12] >> 4) * 4;
        if (to - AddressOf(0) < Count)
            heard.Add(new Segment(to, BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(header + 2)),
                BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(header + 4)), frame[header + 13], length));
    }

    private void Send(int index, ushort port, uint sequence, uint acknowledgement, byte flags, byte[] data)
    {
        // The pseudo-header of the checksum (RFC 9293 §3.1), then the segment.
        byte[] all = new byte[12 + 20 + data.Length];
        BinaryPrimitives.WriteUInt32BigEndian(all, AddressOf(index));
        BinaryPrimitives.WriteUInt32BigEndian(all.AsSpan(4), target);
        all[9] = 6;
        BinaryPrimitives.WriteUInt16BigEndian(all.AsSpan(10), (ushort)(20 + data.Length));
        BinaryPrimitives.WriteUInt16BigEndian(all.AsSpan(12), PortOf(index));
        BinaryPrimitives.WriteUInt16BigEndian(all.AsSpan(14), port);
        BinaryPrimitives.WriteUInt32BigEndian(all.AsSpan(16), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(all.AsSpan(20), acknowledgement);
        all[24] = 5 << 4;
        all[25] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(all.AsSpan(26), 8192);
        data.CopyTo(all, 32);
        BinaryPrimitives.WriteUInt16BigEndian(all.AsSpan(28), Frames.Sum(all));
        Put(Frames.Ipv4(machineMac, s_mac, AddressOf(index), target, 6, all[12..]));
    }

    /// <summary>Without the virtio-net header that frames are made with.</summary>
    private void Put(byte[] packet) => PacketSocket.Send(socket, packet.AsSpan(Packetd.Packet.HeaderSize));

    public void Dispose() => _ = PacketSocket.close(socket);
}
