using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Evilman.Net;

/// <summary>
/// Whether an address that a new machine or its guest shall have is in use already. On a link of this host, where this
/// account may, the address is probed by ARP (RFC 5227 §2.1.1), which every host answers that can be reached;
/// everywhere it is pinged.
/// </summary>
internal static class AddressProbe
{
    const int Probes = 3;
    static readonly TimeSpan s_between = TimeSpan.FromMilliseconds(150);

    /// <param name="isOurs">Whether who answers at an address may have it.</param>
    /// <exception cref="Failure">One of the addresses is in use.</exception>
    internal static void DemandFree(EchoSocket echo, IEnumerable<IPAddress> addresses, Predicate<IPAddress> isOurs)
    {
        foreach (var address in addresses)
        {
            if (Holder(echo, address) is { } holder && !isOurs(address))
                throw new Failure($"{address} is in use: {holder} (--no-probe goes on all the same)");
        }
    }

    internal static bool IsFree(EchoSocket echo, IPAddress address) => Holder(echo, address) is null;

    /// <summary>Who has the address, in words; null when nobody answers for it.</summary>
    static string? Holder(EchoSocket echo, IPAddress address)
    {
        if (ArpHolder(address) is { } holder)
            return $"{holder} answers for it";
        for (var i = 0; i < Probes; i++)
        {
            if (echo.Exchange(address, new byte[16], s_between) is not null)
                return "somebody answers pings there";
        }
        return null;
    }

    /// <summary>
    /// The MAC address of the host that answers for the address on a link of this host; null when none does, or the
    /// link cannot be probed.
    /// </summary>
    static string? ArpHolder(IPAddress address)
    {
        if (LinkOf(address) is not var (index, mac) || TryOpen() is not { } socket)
            return null;
        using (socket)
        {
            var link = new LinkEndPoint(index);
            try
            {
                socket.Bind(link);
                for (var i = 0; i < Probes; i++)
                {
                    socket.SendTo(Arp.Probe(mac, address), link);
                    if (Answer(socket, address) is { } holder)
                        return holder;
                }
            }
            catch (SocketException)
            {
                // The link is down, or not allowed: the ping that follows says the rest.
            }
            return null;
        }
    }

    static string? Answer(Socket socket, IPAddress address)
    {
        var start = Stopwatch.GetTimestamp();
        var packet = new byte[64];
        while (s_between - Stopwatch.GetElapsedTime(start) is var left && left > TimeSpan.Zero
            && socket.Poll(left, SelectMode.SelectRead))
        {
            var length = socket.Receive(packet);
            if (Arp.IsReplyFor(packet.AsSpan(0, length), address))
                return BitConverter.ToString(packet, Arp.SenderMacAt, 6).Replace('-', ':').ToLowerInvariant();
        }
        return null;
    }

    /// <summary>The Ethernet link of this host in whose subnet the address lies.</summary>
    static (int Index, byte[] Mac)? LinkOf(IPAddress address)
    {
        foreach (var link in NetworkInterface.GetAllNetworkInterfaces())
        {
            if (link.OperationalStatus != OperationalStatus.Up
                || link.NetworkInterfaceType != NetworkInterfaceType.Ethernet)
                continue;
            var properties = link.GetIPProperties();
            foreach (var own in properties.UnicastAddresses)
            {
                if (own.Address.AddressFamily == AddressFamily.InterNetwork && own.PrefixLength < 32
                    && new IPNetwork(Network(own.Address, own.PrefixLength), own.PrefixLength).Contains(address))
                    return (properties.GetIPv4Properties().Index, link.GetPhysicalAddress().GetAddressBytes());
            }
        }
        return null;
    }

    static IPAddress Network(IPAddress address, int prefixLength)
    {
        Span<byte> octets = stackalloc byte[4];
        var mask = prefixLength == 0 ? 0 : uint.MaxValue << (32 - prefixLength);
        BinaryPrimitives.WriteUInt32BigEndian(octets, Ipv4.Number(address) & mask);
        return new IPAddress(octets);
    }

    static Socket? TryOpen()
    {
        try
        {
            return new Socket(AddressFamily.Packet, SocketType.Dgram,
                (ProtocolType)BinaryPrimitives.ReverseEndianness(Arp.EtherType));
        }
        catch (SocketException)
        {
            return null; // this account may not
        }
    }

    /// <summary>ARP over Ethernet for IPv4 (RFC 826).</summary>
    static class Arp
    {
        internal const ushort EtherType = 0x0806;
        internal const int SenderMacAt = 8, SenderAt = 14, TargetAt = 24, Size = 28;

        internal static byte[] Probe(byte[] mac, IPAddress target)
        {
            var packet = new byte[Size];
            ReadOnlySpan<byte> request = [0, 1, 8, 0, 6, 4, 0, 1]; // Ethernet, IPv4, their sizes, request
            request.CopyTo(packet);
            mac.CopyTo(packet, SenderMacAt);
            // the sender's address stays 0, so that no host learns a wrong one
            target.GetAddressBytes().CopyTo(packet, TargetAt);
            return packet;
        }

        internal static bool IsReplyFor(ReadOnlySpan<byte> packet, IPAddress address) => packet.Length >= Size
            && packet[7] == 2 && packet.Slice(SenderAt, 4).SequenceEqual(address.GetAddressBytes());
    }

    /// <summary>A link's broadcast address for ARP (struct sockaddr_ll, packet(7)).</summary>
    sealed class LinkEndPoint(int index) : EndPoint
    {
        const int Size = 20;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, Size);
            Span<byte> bytes = stackalloc byte[Size];
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], Arp.EtherType);
            BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], index);
            bytes[11] = 6;
            bytes[12..18].Fill(0xFF);
            for (var i = 2; i < Size; i++)
                address[i] = bytes[i];
            return address;
        }

        public override EndPoint Create(SocketAddress socketAddress) => new LinkEndPoint(index);
    }
}
