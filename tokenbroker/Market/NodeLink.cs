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
            byte[] packet = new byte[IcmpEcho.HeaderSize + MagicPing.HeaderSize + body.Length], reply = new byte[512];
            body.CopyTo(packet, IcmpEcho.HeaderSize + MagicPing.HeaderSize);
            MagicPing.EmitHeader(packet.AsSpan(IcmpEcho.HeaderSize), kind);
            packet[0] = IcmpEcho.Request;
            // Of a datagram socket the kernel sets both itself.
            ushort identifier = (ushort)RandomNumberGenerator.GetInt32(65536);
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(IcmpEcho.IdentifierAt), identifier);
            for (ushort copy = 0; copy < Copies; copy++)
            {
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(IcmpEcho.SequenceAt), copy);
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(IcmpEcho.ChecksumAt), 0);
                BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(IcmpEcho.ChecksumAt), IcmpEcho.Checksum(packet));
                await socket.SendAsync(packet, cancel);
                using CancellationTokenSource wait = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                wait.CancelAfter(s_repeat);
                try
                {
                    while (true) // a raw socket hears what is for others, too
                    {
                        int length = await socket.ReceiveAsync(reply, wait.Token);
                        if (Read(reply.AsSpan(0, length), kind, isRaw, identifier) is { } answer)
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

    private static (Refusal, byte[]?)? Read(ReadOnlySpan<byte> received, MagicKind kind, bool isRaw, ushort identifier)
    {
        ReadOnlySpan<byte> echo = IcmpEcho.FindReply(received, isRaw, identifier);
        if (echo.IsEmpty || !MagicReply.TryParse(echo[IcmpEcho.HeaderSize..], out MagicReply reply)
            || reply.Kind != kind)
            return null;
        return (reply.Refusal, reply.TryGetStatement(out Statement statement) ? statement.AsSpan().ToArray() : null);
    }

    public void Dispose() => room.Dispose();
}
