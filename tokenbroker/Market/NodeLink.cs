using System;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Threading;
using System.Threading.Tasks;
using Wire;

namespace Tokenbroker.Market;

/// <summary>Asks nodes.</summary>
internal interface INodeLink : IDisposable
{
    /// <summary>What a node answers to a magic ping; null when it does not.</summary>
    Task<(Refusal Refusal, byte[]? Statement)?> Ask(string node, MagicKind kind, byte[] body, CancellationToken cancel);
}

/// <summary>
/// Sends magic pings to nodes (docs/protocols.md), over the sockets for ICMP Echo that need no privilege (icmp(7)), or,
/// where those are not allowed, over root's raw ones.
/// </summary>
internal sealed class NodeLink : INodeLink
{
    private const int EchoHeader = 8, LeastIpHeader = 20;
    private const byte EchoRequest = 8, EchoReply = 0; // RFC 792
    private const int ChecksumAt = 2, IdentifierAt = 4, SequenceAt = 6;
    private const int Copies = 15, MaxAtOnce = 64;
    private static readonly TimeSpan s_repeat = TimeSpan.FromMilliseconds(100);

    private readonly SemaphoreSlim room = new(MaxAtOnce);

    public async Task<(Refusal Refusal, byte[]? Statement)?> Ask(string node, MagicKind kind, byte[] body,
        CancellationToken cancel)
    {
        if (!await room.WaitAsync(0, cancel))
            throw new Problem(503, "busy", "too many are asking nodes: try again in a second");
        try
        {
            using Socket socket = Open(out bool isRaw);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(node), 0), cancel);
            byte[] packet = new byte[EchoHeader + MagicPing.HeaderSize + body.Length], reply = new byte[512];
            body.CopyTo(packet, EchoHeader + MagicPing.HeaderSize);
            MagicPing.EmitHeader(packet.AsSpan(EchoHeader), kind);
            packet[0] = EchoRequest;
            // Of a datagram socket the kernel sets both itself.
            ushort identifier = (ushort)RandomNumberGenerator.GetInt32(65536);
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(IdentifierAt), identifier);
            for (ushort copy = 0; copy < Copies; copy++)
            {
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(SequenceAt), copy);
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(ChecksumAt), 0);
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(ChecksumAt), Checksum(packet));
                await socket.SendAsync(packet, cancel);
                using CancellationTokenSource wait = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                wait.CancelAfter(s_repeat);
                try
                {
                    while (true) // a raw socket hears what is for others, too
                    {
                        int length = await socket.ReceiveAsync(reply, wait.Token);
                        if (Read(reply.AsSpan(0, length), kind, isRaw ? identifier : null) is { } answer)
                            return answer;
                    }
                }
                catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
                {
                    // The next copy is due.
                }
            }
            return null;
        }
        catch (SocketException)
        {
            return null; // there is no way to the node, or no such socket here
        }
        finally
        {
            room.Release();
        }
    }

    private static Socket Open(out bool isRaw)
    {
        isRaw = false;
        try
        {
            return new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Icmp);
        }
        catch (SocketException)
        {
            isRaw = true;
            return new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp);
        }
    }

    /// <param name="identifier">Of a raw socket, which gives the IPv4 header, too.</param>
    private static (Refusal, byte[]?)? Read(ReadOnlySpan<byte> echo, MagicKind kind, ushort? identifier)
    {
        if (identifier is not null)
        {
            int header = echo.Length > 0 ? (echo[0] & 15) * 4 : 0;
            if (header < LeastIpHeader || header > echo.Length)
                return null;
            echo = echo[header..];
        }
        if (echo.Length <= EchoHeader || echo[0] != EchoReply
            || identifier is { } mine && BinaryPrimitives.ReadUInt16BigEndian(echo[IdentifierAt..]) != mine
            || !MagicReply.TryParse(echo[EchoHeader..], out MagicReply reply) || reply.Kind != kind)
            return null;
        return (reply.Refusal, reply.TryGetStatement(out Statement statement) ? statement.AsSpan().ToArray() : null);
    }

    /// <summary>RFC 1071, over a message of even length whose checksum field is zero.</summary>
    private static ushort Checksum(ReadOnlySpan<byte> message)
    {
        uint sum = 0;
        for (; message.Length > 1; message = message[2..])
            sum += BinaryPrimitives.ReadUInt16BigEndian(message);
        while (sum >> 16 != 0)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }

    public void Dispose() => room.Dispose();
}
