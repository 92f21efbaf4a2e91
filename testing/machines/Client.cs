using System;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Wire;
using Xunit;

namespace Testing.Machines;

/// <summary>What a client of an empty domain sends and reads.</summary>
public static class Client
{
    /// <summary>The key of every machine of these tests.</summary>
    public static readonly byte[] Key = SHA1.HashData("a machine's key"u8);

    /// <summary>The first message of a client of the upload port.</summary>
    public static SecureSocket Open(Socket socket, byte[]? key = null) => SecureSocket.Connect(socket, Wire.Upload.Magic, Wire.Upload.Version, key ?? Key);

    /// <summary>Hello and first message of a handshake that is not continued.</summary>
    public static byte[] Hello(byte[] key)
    {
        byte[] hello = new byte[ChannelHello.MessageSize], preShared = new byte[32];
        SecureChannel.PreSharedKey(key, preShared);
        ChannelHello.Emit(hello, Wire.Upload.Magic, Wire.Upload.Version);
        NoiseHandshake.Start(hello.AsSpan(0, ChannelHello.Size), preShared, RandomNumberGenerator.GetBytes(32)).WriteFirst(default, hello.AsSpan(ChannelHello.Size));
        return hello;
    }

    /// <summary>What comes before the other side closes the connection; nothing when it resets it.</summary>
    public static byte[] ReadRaw(Socket socket, int count)
    {
        byte[] buffer = new byte[count];
        int have = 0;
        try
        {
            while (have < count && socket.Receive(buffer, have, count - have, SocketFlags.None) is var got and > 0)
                have += got;
        }
        catch (SocketException reset) when (reset.SocketErrorCode == SocketError.ConnectionReset)
        {
        }
        return buffer[..have];
    }

    public static byte[] Upload(byte[] loader, uint flags = 0)
    {
        byte[] all = new byte[Wire.Upload.Size + loader.Length];
        Wire.Upload.Emit(all, (uint)loader.Length, flags);
        loader.CopyTo(all, Wire.Upload.Size);
        return all;
    }

    public static byte[] Bundle(string commandLine, byte[] kernel, byte[] initramfs, bool hashed = true)
    {
        byte[] line = Encoding.ASCII.GetBytes(commandLine), body = [.. line, .. kernel, .. initramfs];
        byte[] header = new byte[KernelBundle.Size];
        KernelBundle.Emit(header, (uint)line.Length, (uint)kernel.Length, (uint)initramfs.Length, hashed ? SHA1.HashData(body) : []);
        return [.. header, .. body];
    }

    /// <summary>Exactly so many bytes, or fewer when the stream ends first.</summary>
    public static byte[] Read(SecureSocket socket, int count)
    {
        byte[] buffer = new byte[count];
        int have = 0;
        while (have < count)
        {
            int got = socket.Receive(buffer.AsSpan(have));
            if (got == 0)
                break;
            have += got;
        }
        return buffer[..have];
    }

    public static (UploadStage, UploadRefusal, ulong) Answer(SecureSocket socket)
    {
        byte[] answer = Read(socket, UploadAnswer.Size);
        Assert.True(UploadAnswer.TryParse(answer, out UploadStage stage, out UploadRefusal refusal, out ulong detail), $"no answer but {answer.Length} bytes");
        return (stage, refusal, detail);
    }

    public static (HandOverKind Kind, CheckpointRefusal Reason, ulong Detail) Verdict(SecureSocket socket)
    {
        byte[] record = Read(socket, HandOver.Size);
        Assert.True(HandOver.TryParse(record, out HandOverKind kind, out CheckpointRefusal reason, out ulong detail), $"no hand-over record but {record.Length} bytes");
        return (kind, reason, detail);
    }

    public static byte[] Record(HandOverKind kind, ulong detail = 0)
    {
        byte[] record = new byte[HandOver.Size];
        HandOver.Emit(record, kind, CheckpointRefusal.None, detail);
        return record;
    }
}
