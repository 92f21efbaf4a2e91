using System;
using System.IO;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>The other side did not prove that it has the key, or said why it does not speak with us.</summary>
public sealed class ChannelException(string message, ChannelStatus status = ChannelStatus.Accepted) : IOException(message)
{
    /// <summary>What a server said before the handshake; not authenticated. Accepted when it was something else that went wrong.</summary>
    public ChannelStatus Status => status;
}

/// <summary>The secure channel over a connected socket, either side of it. Calls block as the socket's do, and throw what they throw.</summary>
public sealed partial class SecureSocket : IDisposable
{
    private readonly byte[] outgoing = new byte[SecureChannel.MaxRecord];
    private readonly byte[] incoming = new byte[SecureChannel.MaxRecord];
    private SecureChannel channel;
    private int at;
    private int end;

    private SecureSocket(Socket socket, SecureChannel channel)
    {
        Socket = socket;
        this.channel = channel;
    }

    public Socket Socket { get; }

    /// <summary>The client's side of the handshake. The socket belongs to the result, and is closed when it fails.</summary>
    /// <param name="key">20 bytes, of machine or guest.</param>
    /// <exception cref="ChannelException">The server refused, or has another key.</exception>
    public static SecureSocket Connect(Socket socket, uint magic, ushort version, ReadOnlySpan<byte> key)
    {
        try
        {
            Span<byte> hello = stackalloc byte[ChannelHello.MessageSize];
            ChannelHello.Emit(hello, magic, version);
            var handshake = Start(hello[..ChannelHello.Size], key);
            handshake.WriteFirst(default, hello[ChannelHello.Size..]);
            SendAll(socket, hello);
            Span<byte> answer = stackalloc byte[ChannelHello.MessageSize];
            if (!ReceiveAll(socket, answer[..ChannelHello.Size]) || !ChannelHello.TryParseAnswer(answer[..ChannelHello.Size], out var status))
                throw new ChannelException("What answers does not speak this protocol.");
            if (status != ChannelStatus.Accepted)
                throw new ChannelException(ChannelHello.Sentence(status), status);
            if (!ReceiveAll(socket, answer[ChannelHello.Size..]) || !handshake.ReadSecond(answer[ChannelHello.Size..], default))
                throw new ChannelException("What answers does not have the key.");
            return new SecureSocket(socket, SecureChannel.OfInitiator(ref handshake));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The server's side.</summary>
    /// <exception cref="ChannelException">The client does not have the key, or wants another protocol; it has been told so.</exception>
    public static SecureSocket Accept(Socket socket, uint magic, ushort version, ReadOnlySpan<byte> key)
    {
        try
        {
            Span<byte> hello = stackalloc byte[ChannelHello.MessageSize];
            Span<byte> answer = stackalloc byte[ChannelHello.MessageSize];
            if (!ReceiveAll(socket, hello))
                throw new ChannelException("The client went away before its hello.");
            var status = ChannelHello.Parse(hello[..ChannelHello.Size], magic, version);
            var handshake = Start(hello[..ChannelHello.Size], key);
            if (status == ChannelStatus.Accepted
                && !(handshake.ReadFirst(hello[ChannelHello.Size..], default) && handshake.WriteSecond(default, answer[ChannelHello.Size..])))
                status = ChannelStatus.NotAuthenticated;
            ChannelHello.EmitAnswer(answer, status);
            SendAll(socket, status == ChannelStatus.Accepted ? answer : answer[..ChannelHello.Size]);
            if (status != ChannelStatus.Accepted)
                throw new ChannelException(ChannelHello.Sentence(status), status);
            return new SecureSocket(socket, SecureChannel.OfResponder(ref handshake));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends all of it.</summary>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var length = Math.Min(bytes.Length, SecureChannel.MaxText);
            bytes[..length].CopyTo(outgoing.AsSpan(SecureChannel.LengthSize));
            SendAll(Socket, outgoing.AsSpan(0, channel.Seal(outgoing, length)));
            bytes = bytes[length..];
        }
    }

    /// <summary>The next bytes, as many as there are at once: 0 at the end of the stream.</summary>
    /// <exception cref="ChannelException">A record was changed, left out or repeated.</exception>
    public int Receive(Span<byte> into)
    {
        if (at == end)
        {
            if (!ReceiveAll(Socket, incoming.AsSpan(0, SecureChannel.LengthSize)))
                return 0;
            var size = SecureChannel.RecordSize(incoming.AsSpan(0, SecureChannel.LengthSize));
            if (size < 0 || !ReceiveAll(Socket, incoming.AsSpan(SecureChannel.LengthSize, size - SecureChannel.LengthSize)))
                throw new ChannelException("The connection ended in the middle of a record.");
            var length = channel.Open(incoming.AsSpan(0, size));
            if (length < 0)
                throw new ChannelException("A record does not open: it was changed on the way.");
            at = SecureChannel.LengthSize;
            end = at + length;
        }
        var count = Math.Min(into.Length, end - at);
        incoming.AsSpan(at, count).CopyTo(into);
        at += count;
        return count;
    }

    public void Dispose() => Socket.Dispose();

    private static NoiseHandshake Start(ReadOnlySpan<byte> hello, ReadOnlySpan<byte> key)
    {
        Span<byte> preShared = stackalloc byte[Bytes32.Size];
        Span<byte> secret = stackalloc byte[Bytes32.Size];
        SecureChannel.PreSharedKey(key, preShared);
        FillRandom(secret);
        return NoiseHandshake.Start(hello, preShared, secret);
    }

    /// <summary>
    /// Bytes that nobody can guess, from the kernel. Not from RandomNumberGenerator, which loads OpenSSL: a program that is linked
    /// statically cannot do that safely.
    /// </summary>
    private static unsafe void FillRandom(Span<byte> into)
    {
        // SAFETY: the kernel writes at most so many bytes to where they lie. Up to 256 it never stops half way (getrandom(2)).
        fixed (byte* start = into)
        {
            if (getrandom(start, (nuint)into.Length, 0) != into.Length)
                throw new IOException("The kernel gives no random bytes.");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint getrandom(byte* buffer, nuint length, uint flags);

    private static void SendAll(Socket socket, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[socket.Send(bytes)..];
    }

    /// <summary>False when the stream ended first.</summary>
    private static bool ReceiveAll(Socket socket, Span<byte> into)
    {
        while (into.Length > 0)
        {
            var count = socket.Receive(into);
            if (count == 0)
                return false;
            into = into[count..];
        }
        return true;
    }
}
