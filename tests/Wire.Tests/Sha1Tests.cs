using System;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Macs;
using Org.BouncyCastle.Crypto.Parameters;
using Xunit;

namespace Wire.Tests;

public class Sha1Tests
{
    // FIPS 180-2 appendix A and the NIST example values that go with FIPS 180-4.
    [Theory]
    [InlineData("", "da39a3ee5e6b4b0d3255bfef95601890afd80709")]
    [InlineData("abc", "a9993e364706816aba3e25717850c26c9cd0d89d")]
    [InlineData("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1")]
    [InlineData("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "a49b2446a02c645bf419f995b67091253a04a259")]
    public void Digests_of_FIPS_180(string message, string digest) => Assert.Equal(digest, Hash(Encoding.ASCII.GetBytes(message)));

    [Fact]
    public void Digest_of_a_million_times_a() =>
        Assert.Equal("34aa973cd4c4daa4f61eeb2bdbad27316534016f", Hash(Enumerable.Repeat((byte)'a', 1_000_000).ToArray()));

    [Fact]
    public void Agrees_with_BouncyCastle_at_every_length_around_the_block_size_wherever_the_message_lies()
    {
        byte[] memory = new byte[300 + 8], right = new byte[20], found = new byte[24];
        new Random(1).NextBytes(memory);
        for (int length = 0; length <= 300; length++)
            for (int at = 0; at < 8; at++)
            {
                var other = new Sha1Digest();
                other.BlockUpdate(memory, at, length);
                other.DoFinal(right, 0);
                Span<byte> digest = found.AsSpan(at & 3, 20); // of any alignment, too
                Sha1.Hash(memory.AsSpan(at, length), digest);
                Assert.True(digest.SequenceEqual(right), $"{length} bytes at {at}");
            }
    }

    [Fact]
    public void A_digest_may_take_the_place_of_any_part_of_its_message()
    {
        for (int at = 0; at <= 150 - 20; at++)
        {
            byte[] message = new byte[150];
            new Random(at).NextBytes(message);
            string right = Hash(message);
            Sha1.Hash(message, message.AsSpan(at, 20));
            Assert.Equal(right, Convert.ToHexStringLower(message.AsSpan(at, 20)));
        }
    }

    [Fact]
    public void Appending_blocks_and_finishing_the_rest_is_the_same_as_hashing_at_once()
    {
        byte[] message = new byte[64 * 5 + 17];
        new Random(2).NextBytes(message);
        Sha1 hash = Sha1.Start();
        hash.Append(message.AsSpan(0, 64));
        hash.Append(message.AsSpan(64, 128));
        byte[] digest = new byte[20];
        hash.Finish(message.AsSpan(192), digest);
        Assert.Equal(Hash(message), Convert.ToHexStringLower(digest));
    }

    // RFC 2202 §3, the cases whose keys fit a block.
    [Theory]
    [InlineData("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265", "b617318655057264e28bc0b6fb378c8ef146be00")]
    [InlineData("4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "125d7342b9ac11cd91a39af48aa17b4f63f175d3")]
    [InlineData("0102030405060708090a0b0c0d0e0f10111213141516171819",
        "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "4c9007f4026250c6bc8414f9bf50c86c2d7235da")]
    [InlineData("0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", "546573742057697468205472756e636174696f6e", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04")]
    public void Tags_of_RFC_2202(string key, string message, string tag)
    {
        byte[] right = Convert.FromHexString(tag);
        byte[] found = new byte[20];
        new HmacSha1(Convert.FromHexString(key)).Sign(Convert.FromHexString(message), found);
        Assert.Equal(right, found);
        Assert.True(new HmacSha1(Convert.FromHexString(key)).Verify(Convert.FromHexString(message), right));
        right[19] ^= 1;
        Assert.False(new HmacSha1(Convert.FromHexString(key)).Verify(Convert.FromHexString(message), right));
    }

    [Fact]
    public void Tags_agree_with_BouncyCastle_for_every_key_length()
    {
        var random = new Random(3);
        for (int length = 1; length <= HmacSha1.MaxKeySize; length++)
        {
            byte[] key = new byte[length], message = new byte[random.Next(200)], right = new byte[20], found = new byte[20];
            random.NextBytes(key);
            random.NextBytes(message);
            var other = new HMac(new Sha1Digest());
            other.Init(new KeyParameter(key));
            other.BlockUpdate(message, 0, message.Length);
            other.DoFinal(right, 0);
            new HmacSha1(key).Sign(message, found);
            Assert.Equal(right, found);
        }
    }

    [Fact]
    public void Tags_agree_with_BouncyCastle_for_every_message_length_and_no_bit_may_differ()
    {
        byte[] key = new byte[20], message = new byte[300], right = new byte[20], found = new byte[20];
        var random = new Random(4);
        random.NextBytes(key);
        random.NextBytes(message);
        HmacSha1 ours = new(key);
        var other = new HMac(new Sha1Digest());
        other.Init(new KeyParameter(key));
        for (int length = 0; length <= message.Length; length++)
        {
            other.BlockUpdate(message, 0, length);
            other.DoFinal(right, 0);
            ours.Sign(message.AsSpan(0, length), found);
            Assert.Equal(right, found);
            Assert.True(ours.Verify(message.AsSpan(0, length), right));
            right[random.Next(20)] ^= (byte)(1 << random.Next(8));
            Assert.False(ours.Verify(message.AsSpan(0, length), right));
        }
    }

    [Fact]
    public void A_key_longer_than_a_block_is_a_broken_invariant() =>
        Assert.ThrowsAny<ArgumentException>(() => new HmacSha1(new byte[65]));

    [Fact]
    public void Comparison_sees_every_byte_and_the_length()
    {
        byte[] one = new byte[20];
        Assert.True(Bytes.FixedTimeEquals(one, new byte[20]));
        Assert.False(Bytes.FixedTimeEquals(one, new byte[19]));
        for (int i = 0; i < 20; i++)
        {
            byte[] other = new byte[20];
            other[i] = 0x80;
            Assert.False(Bytes.FixedTimeEquals(one, other));
        }
    }

    [Fact]
    public void A_chain_leads_where_hashing_leads_and_nowhere_else()
    {
        byte[] element = new byte[20], end = new byte[20];
        HashChain.Advance(end, 0);
        Assert.Equal(element, end);
        HashChain.Advance(end, 7);
        byte[] right = element;
        for (int i = 0; i < 7; i++)
            right = System.Security.Cryptography.SHA1.HashData(right);
        Assert.Equal(right, end);
        for (uint steps = 0; steps < 20; steps++)
            Assert.Equal(steps == 7, HashChain.Leads(in MemoryMarshal.AsRef<Digest>(element), in MemoryMarshal.AsRef<Digest>(end), steps));
    }

    [Fact]
    public void A_chain_as_long_as_a_packet_may_ask_for_agrees_with_BouncyCastle()
    {
        byte[] element = new byte[20], right = new byte[20];
        new Random(5).NextBytes(element);
        element.CopyTo(right, 0);
        var other = new Sha1Digest();
        for (int i = 0; i < 1000; i++)
        {
            other.BlockUpdate(right, 0, 20);
            other.DoFinal(right, 0);
        }
        HashChain.Advance(element, 1000);
        Assert.Equal(right, element);
    }

    private static string Hash(ReadOnlySpan<byte> message)
    {
        byte[] digest = new byte[20];
        Sha1.Hash(message, digest);
        return Convert.ToHexStringLower(digest);
    }
}
