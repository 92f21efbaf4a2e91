using System;
using System.Text;
using Org.BouncyCastle.Crypto.Parameters;
using Xunit;

namespace Wire.Tests;

public class ChaCha20Poly1305Tests
{
    private const string Sunscreen = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";

    // RFC 8439 §2.4.2.
    [Fact]
    public void Encryption_of_RFC_8439()
    {
        byte[] text = Encoding.ASCII.GetBytes(Sunscreen);
        new ChaCha20(Range(0, 32), Convert.FromHexString("000000000000004a00000000")).Apply(text, 1);
        Assert.Equal("6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
            + "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42874d", Convert.ToHexStringLower(text));
    }

    // RFC 8439 appendix A.3: the carries at the edges of 2^128 and 2^130, vectors 7 to 11.
    [Theory]
    [InlineData("02000000000000000000000000000000", "ffffffffffffffffffffffffffffffff", "03000000000000000000000000000000")]
    [InlineData("02000000000000000000000000000000ffffffffffffffffffffffffffffffff", "02000000000000000000000000000000", "03000000000000000000000000000000")]
    [InlineData("01000000000000000000000000000000", "fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff11000000000000000000000000000000",
        "05000000000000000000000000000000")]
    [InlineData("01000000000000000000000000000000", "fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe01010101010101010101010101010101",
        "00000000000000000000000000000000")]
    [InlineData("02000000000000000000000000000000", "fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff")]
    [InlineData("01000000000000000400000000000000", "e33594d7505e43b900000000000000003394d7505e4379cd01000000000000000000000000000000000000000000000001000000000000000000000000000000",
        "14000000000000005500000000000000")]
    [InlineData("01000000000000000400000000000000", "e33594d7505e43b900000000000000003394d7505e4379cd010000000000000000000000000000000000000000000000",
        "13000000000000000000000000000000")]
    public void Tags_of_RFC_8439_where_carries_meet(string key, string message, string tag)
    {
        byte[] found = new byte[16];
        var hash = new Poly1305(Convert.FromHexString(key.PadRight(64, '0')));
        hash.Append(Convert.FromHexString(message));
        hash.Finish(found);
        Assert.Equal(tag, Convert.ToHexStringLower(found));
    }

    [Fact]
    public void Tags_agree_with_BouncyCastle_also_where_the_sum_is_not_reduced()
    {
        var random = new Random(1);
        for (int round = 0; round < 2000; round++)
        {
            byte[] key = new byte[32], message = new byte[16 * random.Next(6)], right = new byte[16], found = new byte[16];
            random.NextBytes(key);
            random.NextBytes(message);
            if (round % 2 == 0)
                Array.Fill(message, (byte)(0xff * random.Next(2)), 0, message.Length / 2);
            if (round % 3 == 0)
                Array.Fill(key, (byte)0xff, 0, 16);
            var other = new Org.BouncyCastle.Crypto.Macs.Poly1305();
            other.Init(new KeyParameter(key));
            other.BlockUpdate(message, 0, message.Length);
            other.DoFinal(right, 0);
            var hash = new Poly1305(key);
            hash.Append(message);
            hash.Finish(found);
            Assert.Equal(right, found);
        }
    }

    // RFC 8439 §2.8.2.
    [Fact]
    public void Sealing_of_RFC_8439()
    {
        byte[] text = Encoding.ASCII.GetBytes(Sunscreen), tag = new byte[16];
        ChaCha20Poly1305.Seal(Range(0x80, 32), Convert.FromHexString("070000004041424344454647"), Convert.FromHexString("50515253c0c1c2c3c4c5c6c7"), text, tag);
        Assert.Equal("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
            + "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116", Convert.ToHexStringLower(text));
        Assert.Equal("1ae10b594f09e26a7e902ecbd0600691", Convert.ToHexStringLower(tag));
    }

    [Fact]
    public void Sealing_agrees_with_BouncyCastle_and_opens_unless_a_bit_differs()
    {
        var random = new Random(2);
        for (int round = 0; round < 600; round++)
        {
            byte[] key = new byte[32], text = new byte[round < 300 ? round : random.Next(17000)], associated = new byte[random.Next(3) * random.Next(40)];
            random.NextBytes(key);
            random.NextBytes(text);
            random.NextBytes(associated);
            ulong counter = (ulong)random.NextInt64() >> random.Next(64);
            byte[] right = Other(true, key, counter, associated, text)!, sealedText = (byte[])text.Clone(), tag = new byte[16];
            ChaCha20Poly1305.Seal(key, counter, associated, sealedText, tag);
            Assert.Equal(right, (byte[])[.. sealedText, .. tag]);
            byte[] opened = (byte[])sealedText.Clone();
            Assert.True(ChaCha20Poly1305.Open(key, counter, associated, opened, tag));
            Assert.Equal(text, opened);

            byte[][] parts = [key, associated, sealedText, tag];
            byte[] part = parts[random.Next(4)];
            if (part.Length == 0)
                continue;
            part[random.Next(part.Length)] ^= (byte)(1 << random.Next(8));
            byte[] before = (byte[])sealedText.Clone();
            Assert.False(ChaCha20Poly1305.Open(key, counter, associated, sealedText, tag));
            Assert.Equal(before, sealedText);
        }
    }

    internal static byte[]? Other(bool seal, byte[] key, ulong counter, byte[] associated, byte[] text)
    {
        byte[] nonce = new byte[12];
        BitConverter.TryWriteBytes(nonce.AsSpan(4), counter);
        var cipher = new Org.BouncyCastle.Crypto.Modes.ChaCha20Poly1305();
        cipher.Init(seal, new AeadParameters(new KeyParameter(key), 128, nonce, associated));
        byte[] result = new byte[cipher.GetOutputSize(text.Length)];
        int length = cipher.ProcessBytes(text, 0, text.Length, result, 0);
        cipher.DoFinal(result, length);
        return result;
    }

    private static byte[] Range(int from, int count)
    {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++)
            bytes[i] = (byte)(from + i);
        return bytes;
    }
}
