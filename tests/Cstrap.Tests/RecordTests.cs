using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Sockets;
using System.Security.Cryptography;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Cstrap.Tests;

/// <summary>
/// Records of the largest size, 60 KiB of text each, in which loaders and checkpoints come: what is changed, cut off, repeated, left out or exchanged is taken by neither the
/// firmware nor a loader, and the next customer finds an empty machine.
/// </summary>
public sealed class RecordTests
{
    private static readonly byte[] s_loader = Repository.ReadImage("loader-checkpoint");

    /// <summary>What is done to the third of the records.</summary>
    private static readonly string[] s_faults =
    [
        "first bit", "middle bit", "last bit of the text", "tag", "length", "longest length", "repeated", "left out", "exchanged", "cut off", "cut off and continued", "cut short",
    ];

    /// <summary>As the firmware reads a loader: eight whole records, of the largest loader that there may be, which is not the one that the token names.</summary>
    [RootTheory, Monitors]
    public void The_firmware_takes_no_record_that_is_not_the_next_one(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] upload = Client.Upload(Noise(Upload.MaxLoaderSize));
        (Socket socket, SecureChannel channel) = Open(machine);
        using (socket)
        {
            // As they are they are taken, to the end: it is not the loader.
            foreach (byte[] record in Records(ref channel, upload))
                socket.Send(record);
            Assert.Equal((UploadStage.Firmware, UploadRefusal.WrongHash), Answer(socket, ref channel));
        }
        foreach (string what in s_faults)
        {
            (socket, channel) = Open(machine);
            using (socket)
            {
                SendSpoilt(socket, Records(ref channel, upload), what);
                AssertEnds(socket, what);
            }
            // It has not ended because nothing more came.
            Assert.False(machine.Console.Contains("a client was too slow", StringComparison.Ordinal), $"{what}: it waits for more");
        }
        Assert.Equal(1, machine.Console.Split("refused an upload").Length - 1);
        using SecureSocket next = machine.UploadLoader(s_loader);
    }

    /// <summary>As a loader reads a checkpoint: the pages of each record fill some of the guest's memory.</summary>
    [RootTheory, Monitors]
    public void A_loader_takes_no_record_that_is_not_the_next_one(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] noise = Noise(4096);
        var stream = new CheckpointStream();
        for (uint frame = 0; frame < 128; frame++)
            stream.Page(0x500 + frame, noise);
        byte[] good = stream.Recovery().End();
        foreach (string what in s_faults)
        {
            (Socket socket, SecureChannel channel) = OpenLoader(machine);
            using (socket)
            {
                SendSpoilt(socket, Records(ref channel, good), what);
                // The end of the stream, which anybody can bring about, is told.
                if (what == "cut off")
                    Assert.Equal((HandOverKind.Refused, CheckpointRefusal.Truncated), Verdict(socket, ref channel));
                else
                    AssertEnds(socket, what);
            }
        }
        (Socket last, SecureChannel right) = OpenLoader(machine);
        using (last)
        {
            foreach (byte[] record in Records(ref right, good))
                last.Send(record);
            Assert.Equal((HandOverKind.Verified, CheckpointRefusal.None), Verdict(last, ref right));
        }
    }

    /// <summary>The server says nothing and ends the connection; while it waits for more, nothing comes.</summary>
    private static void AssertEnds(Socket socket, string what)
    {
        try
        {
            Assert.True(Client.ReadRaw(socket, 1).Length == 0, $"{what}: there is an answer");
        }
        catch (SocketException silence) when (silence.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            Assert.Fail($"{what}: it waits for more");
        }
    }

    /// <summary>The third record, of the largest size, is spoilt. The server is to end the connection at it, and waits for nothing more.</summary>
    private static void SendSpoilt(Socket socket, List<byte[]> records, string what)
    {
        const int Third = 2;
        Assert.True(records.Count > 4);
        byte[] third = records[Third];
        Assert.Equal(SecureChannel.MaxRecord, third.Length);
        List<byte[]> sent = [.. records[..Third]];
        switch (what)
        {
            case "first bit":
                sent.Add(Flipped(third, SecureChannel.LengthSize));
                break;
            case "middle bit":
                sent.Add(Flipped(third, third.Length / 2));
                break;
            case "last bit of the text":
                sent.Add(Flipped(third, third.Length - SecureChannel.TagSize - 1));
                break;
            case "tag":
                sent.Add(Flipped(third, third.Length - 1));
                break;
            case "length":
                // A record of one byte less, and what follows it.
                sent.Add([.. BitConverter.GetBytes((ushort)(third.Length - SecureChannel.LengthSize - 1)), .. third[SecureChannel.LengthSize..]]);
                break;
            case "longest length":
                sent.Add([0xff, 0xff, .. third[SecureChannel.LengthSize..]]);
                break;
            case "repeated":
                sent.Add(records[Third - 1]);
                break;
            case "left out":
                sent.Add(records[Third + 1]);
                break;
            case "exchanged":
                sent.AddRange([records[Third + 1], third]);
                break;
            case "cut off":
                sent.Add(third[..^1]);
                break;
            case "cut off and continued":
                sent.AddRange([third[..^1], records[Third + 1]]);
                break;
            case "cut short":
                // Its length says so, and no tag is right.
                sent.Add([.. BitConverter.GetBytes((ushort)1000), .. third[SecureChannel.LengthSize..(SecureChannel.LengthSize + 1000)]]);
                break;
            default:
                throw new ArgumentException(what);
        }
        try
        {
            foreach (byte[] record in sent)
                socket.Send(record);
            if (what == "cut off")
                socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // It has ended the connection already.
        }
    }

    private static byte[] Flipped(byte[] record, int at)
    {
        byte[] flipped = (byte[])record.Clone();
        flipped[at] ^= 0x10;
        return flipped;
    }

    /// <summary>A client's handshake with the machine's key; the channel makes its records.</summary>
    private static (Socket Socket, SecureChannel Channel) Open(Machine machine)
    {
        Socket socket = machine.Space.Connect(address: machine.Boot);
        byte[] hello = new byte[ChannelHello.MessageSize], preShared = new byte[Bytes32.Size];
        SecureChannel.PreSharedKey(Client.Key, preShared);
        ChannelHello.Emit(hello, Upload.Magic, Upload.Version);
        NoiseHandshake handshake = NoiseHandshake.Start(hello.AsSpan(0, ChannelHello.Size), preShared, RandomNumberGenerator.GetBytes(Bytes32.Size));
        handshake.WriteFirst(default, hello.AsSpan(ChannelHello.Size));
        socket.Send(hello);
        byte[] answer = Client.ReadRaw(socket, ChannelHello.MessageSize);
        Assert.Equal(ChannelHello.MessageSize, answer.Length);
        Assert.True(handshake.ReadSecond(answer.AsSpan(ChannelHello.Size), default));
        return (socket, SecureChannel.OfInitiator(ref handshake));
    }

    /// <summary>All of the bytes, in records as large as they may be.</summary>
    private static List<byte[]> Records(ref SecureChannel channel, byte[] bytes)
    {
        List<byte[]> records = [];
        foreach (byte[] text in bytes.Chunk(SecureChannel.MaxText))
        {
            byte[] record = new byte[SecureChannel.LengthSize + text.Length + SecureChannel.TagSize];
            text.CopyTo(record, SecureChannel.LengthSize);
            Assert.Equal(record.Length, channel.Seal(record, text.Length));
            records.Add(record);
        }
        return records;
    }

    /// <summary>The same after the loader has been taken.</summary>
    private static (Socket Socket, SecureChannel Channel) OpenLoader(Machine machine)
    {
        (Socket socket, SecureChannel channel) = Open(machine);
        socket.Send(Records(ref channel, Client.Upload(s_loader))[0]);
        Assert.Equal((UploadStage.Firmware, UploadRefusal.None), Answer(socket, ref channel));
        return (socket, channel);
    }

    private static (HandOverKind, CheckpointRefusal) Verdict(Socket socket, ref SecureChannel channel)
    {
        byte[] record = Client.ReadRaw(socket, SecureChannel.LengthSize + HandOver.Size + SecureChannel.TagSize);
        Assert.True(HandOver.TryParse(Text(record, ref channel), out HandOverKind kind, out CheckpointRefusal reason, out _), $"{record.Length} bytes of verdict");
        return (kind, reason);
    }

    private static (UploadStage, UploadRefusal) Answer(Socket socket, ref SecureChannel channel)
    {
        byte[] record = Client.ReadRaw(socket, SecureChannel.LengthSize + UploadAnswer.Size + SecureChannel.TagSize);
        Assert.True(UploadAnswer.TryParse(Text(record, ref channel), out UploadStage stage, out UploadRefusal refusal, out _), $"{record.Length} bytes of answer");
        return (stage, refusal);
    }

    private static ReadOnlySpan<byte> Text(byte[] record, ref SecureChannel channel)
    {
        int length = channel.Open(record);
        return length < 0 ? default : record.AsSpan(SecureChannel.LengthSize, length);
    }

    /// <summary>Bytes of which no two records are the same.</summary>
    private static byte[] Noise(uint length)
    {
        byte[] noise = new byte[length];
        new Random(1).NextBytes(noise);
        return noise;
    }
}
