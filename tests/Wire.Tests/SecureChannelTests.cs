using System;
using System.Collections.Generic;
using CsCheck;
using Xunit;

namespace Wire.Tests;

public class SecureChannelTests
{
    private const uint Magic = 0x50555645;

    private static (SecureChannel Client, SecureChannel Server) Pair(int seed)
    {
        Random random = new(seed);
        byte[] psk = NoiseTests.Random(random, 32), message = new byte[48];
        var (initiator, responder) = NoiseTests.Begun(random, psk, psk);
        Assert.True(responder.WriteSecond(default, message));
        Assert.True(initiator.ReadSecond(message, default));
        return (SecureChannel.OfInitiator(ref initiator), SecureChannel.OfResponder(ref responder));
    }

    [Fact]
    public void What_one_side_sends_the_other_reads_whatever_its_size()
    {
        var (client, server) = Pair(1);
        Random random = new(1);
        foreach (int length in (int[])[1, 2, 15, 16, 17, 4096, 16383, 16384, 61439, 61440, 1])
        {
            byte[] text = NoiseTests.Random(random, length), record = new byte[SecureChannel.MaxRecord];
            text.CopyTo(record, 2);
            Assert.Equal(length + 18, client.Seal(record, length));
            Assert.Equal(length + 18, SecureChannel.RecordSize(record));
            Assert.Equal(length, server.Open(record.AsSpan(0, length + 18)));
            Assert.Equal(text, record[2..(2 + length)]);
            text.CopyTo(record, 2);
            server.Seal(record, length);
            Assert.Equal(length, client.Open(record.AsSpan(0, length + 18)));
            Assert.Equal(text, record[2..(2 + length)]);
        }
    }

    [Fact]
    public void No_bit_of_a_record_may_differ_and_no_byte_be_missing_or_too_many()
    {
        var (freshClient, freshServer) = Pair(2);
        for (int bit = 0; bit < 8 * 30; bit++)
        {
            SecureChannel client = freshClient, server = freshServer;
            byte[] record = new byte[30];
            client.Seal(record, 12);
            record[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.Equal(-1, server.Open(record));
        }
        for (int length = 0; length < 60; length++)
        {
            SecureChannel client = freshClient, server = freshServer;
            byte[] record = new byte[60];
            client.Seal(record, 12);
            Assert.Equal(length == 30 ? 12 : -1, server.Open(record.AsSpan(0, length)));
        }
    }

    /// <summary>The same of the largest record, of bits in its length, in its tag, at both ends of its text, and of others here and there.</summary>
    [Fact]
    public void Of_the_largest_record_no_bit_may_differ_and_no_byte_be_missing()
    {
        var (freshClient, freshServer) = Pair(3);
        const int Text = SecureChannel.MaxText, Record = SecureChannel.MaxRecord;
        Random random = new(3);
        byte[] text = NoiseTests.Random(random, Text), record = new byte[Record];
        text.CopyTo(record, SecureChannel.LengthSize);
        SecureChannel client = freshClient;
        Assert.Equal(Record, client.Seal(record, Text));
        List<int> bits = [];
        for (int i = 0; i < 8 * (SecureChannel.LengthSize + 1); i++)
            bits.Add(i);
        for (int i = 1; i <= 8 * (SecureChannel.TagSize + 1); i++)
            bits.Add(8 * Record - i);
        for (int i = 0; i < 300; i++)
            bits.Add(random.Next(8 * Record));
        foreach (int bit in bits)
        {
            SecureChannel server = freshServer;
            byte[] other = (byte[])record.Clone();
            other[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.True(server.Open(other) == -1, $"bit {bit}");
        }
        foreach (int length in (int[])[0, 1, 2, 18, 16384, 16402, Record - 17, Record - 16, Record - 1])
        {
            SecureChannel server = freshServer;
            Assert.Equal(-1, server.Open(record.AsSpan(0, length).ToArray()));
        }
        // As it is it opens, and once.
        byte[] again = (byte[])record.Clone();
        SecureChannel last = freshServer;
        Assert.Equal(Text, last.Open(record));
        Assert.Equal(text, record[SecureChannel.LengthSize..(SecureChannel.LengthSize + Text)]);
        Assert.Equal(-1, last.Open(again));
    }

    [Fact]
    public void Records_that_are_repeated_left_out_exchanged_or_sent_back_do_not_open()
    {
        var (client, server) = Pair(1);
        byte[] first = new byte[40], second = new byte[40], third = new byte[40];
        client.Seal(first, 22);
        client.Seal(second, 22);
        client.Seal(third, 22);
        SecureChannel copy = server;
        Assert.Equal(-1, copy.Open((byte[])second.Clone())); // the first was left out
        copy = client;
        Assert.Equal(-1, copy.Open((byte[])first.Clone())); // sent back to the sender
        Assert.Equal(22, server.Open((byte[])first.Clone()));
        copy = server;
        Assert.Equal(-1, copy.Open((byte[])first.Clone())); // repeated
        copy = server;
        Assert.Equal(-1, copy.Open((byte[])third.Clone())); // exchanged
        Assert.Equal(22, server.Open(second));
        Assert.Equal(22, server.Open(third));
    }

    [Fact]
    public void Any_bytes_are_a_record_with_a_size_or_none()
    {
        var (_, fresh) = Pair(7);
        Gen.Byte.Array[0, 40].Sample(bytes =>
        {
            int size = SecureChannel.RecordSize(bytes);
            Assert.True(size is -1 or 0 or (>= 2 + 17 and <= 2 + 61456));
            SecureChannel server = fresh;
            Assert.Equal(-1, server.Open((byte[])bytes.Clone()));
        }, iter: 3000);
    }

    [Fact]
    public void Hello_and_answer_are_read_as_written_and_nothing_else_is_one()
    {
        byte[] hello = new byte[8], answer = new byte[8];
        ChannelHello.Emit(hello, Magic, 2);
        Assert.Equal("4556555002000000", Convert.ToHexString(hello));
        Assert.Equal(ChannelStatus.Accepted, ChannelHello.Parse(hello, Magic, 2));
        HashSet<ChannelStatus> seen = [];
        for (int bit = 0; bit < 64; bit++)
        {
            byte[] other = (byte[])hello.Clone();
            other[bit / 8] ^= (byte)(1 << bit % 8);
            var status = ChannelHello.Parse(other, Magic, 2);
            Assert.Equal(bit is >= 32 and < 48 ? ChannelStatus.UnknownVersion : ChannelStatus.BadHello, status);
        }
        for (ChannelStatus status = 0; status <= ChannelStatus.BadHello; status++)
        {
            ChannelHello.EmitAnswer(answer, status);
            Assert.True(ChannelHello.TryParseAnswer(answer, out var read));
            Assert.Equal(status, read);
            Assert.True(seen.Add(read));
            Assert.EndsWith(".", ChannelHello.Sentence(status));
            for (int bit = 0; bit < 64; bit++)
            {
                byte[] other = (byte[])answer.Clone();
                other[bit / 8] ^= (byte)(1 << bit % 8);
                Assert.True(!ChannelHello.TryParseAnswer(other, out read) || read != status);
            }
        }
    }

    [Fact]
    public void The_pre_shared_key_is_the_hash_of_label_and_key()
    {
        byte[] key = NoiseTests.Random(new Random(1), 20), found = new byte[32];
        SecureChannel.PreSharedKey(key, found);
        Assert.Equal(System.Security.Cryptography.SHA256.HashData([.. "EvilMan psk"u8, .. key]), found);
    }
}
