using System;
using System.Linq;
using System.Text;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Generators;
using Org.BouncyCastle.Crypto.Macs;
using Org.BouncyCastle.Crypto.Parameters;
using Xunit;

namespace Wire.Tests;

public class Sha256Tests
{
    // The NIST example values that go with FIPS 180-4.
    [Theory]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")]
    [InlineData("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1")]
    public void Digests_of_FIPS_180(string message, string digest) => Assert.Equal(digest, Hash(Encoding.ASCII.GetBytes(message)));

    [Fact]
    public void Digest_of_a_million_times_a() =>
        Assert.Equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            Hash(Enumerable.Repeat((byte)'a', 1_000_000).ToArray()));

    [Fact]
    public void Agrees_with_BouncyCastle_at_every_length_around_the_block_size_wherever_the_message_lies()
    {
        byte[] memory = new byte[308], right = new byte[32];
        new Random(1).NextBytes(memory);
        for (int length = 0; length <= 300; length++)
        {
            var other = new Sha256Digest();
            other.BlockUpdate(memory, length & 7, length);
            other.DoFinal(right, 0);
            Assert.Equal(Convert.ToHexStringLower(right), Hash(memory.AsSpan(length & 7, length)));
        }
    }

    [Fact]
    public void Tags_and_derived_keys_agree_with_BouncyCastle()
    {
        var random = new Random(2);
        for (int round = 0; round < 200; round++)
        {
            byte[] key = new byte[round % 65], message = new byte[random.Next(200)], right = new byte[32], found = new byte[32];
            random.NextBytes(key);
            random.NextBytes(message);
            var other = new HMac(new Sha256Digest());
            other.Init(new KeyParameter(key));
            other.BlockUpdate(message, 0, message.Length);
            other.DoFinal(right, 0);
            HmacSha256.Sign(key, message, found);
            Assert.Equal(right, found);

            byte[] keys = new byte[32 * (1 + round % 3)], derived = new byte[keys.Length];
            var generator = new HkdfBytesGenerator(new Sha256Digest());
            generator.Init(new HkdfParameters(message, key.Length == 0 ? null : key, null));
            generator.GenerateBytes(keys, 0, keys.Length);
            HmacSha256.Derive(key, message, derived);
            Assert.Equal(keys, derived);
        }
    }

    private static string Hash(ReadOnlySpan<byte> message)
    {
        byte[] digest = new byte[32];
        Sha256.Hash(message, digest);
        return Convert.ToHexStringLower(digest);
    }
}
