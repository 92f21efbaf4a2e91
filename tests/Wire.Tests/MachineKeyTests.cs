using System;
using System.Linq;
using System.Security.Cryptography;
using Xunit;

namespace Wire.Tests;

/// <summary>docs/protocols.md: what is derived from a secret and a token, by .NET's own HMAC.</summary>
public class MachineKeyTests
{
    private static readonly byte[] s_secret = "0123456789abcdef"u8.ToArray(), s_token = Enumerable.Range(0, BootToken.Size).Select(i => (byte)(i * 7)).ToArray();

    private static byte[] Key(byte[]? token = null)
    {
        byte[] key = new byte[MachineKey.Size];
        MachineKey.Derive(new HmacSha1(s_secret), token ?? s_token, key);
        return key;
    }

    [Fact]
    public void Keys_and_proofs_are_those_of_the_documentation()
    {
        byte[] proof = new byte[20], guest = new byte[20];
        MachineKey.EndProof(Key(), proof);
        MachineKey.GuestKey(Key(), guest);
        Assert.Equal(HMACSHA1.HashData(s_secret, (byte[])[.. "EvilMKey"u8, .. s_token]), Key());
        Assert.Equal(HMACSHA1.HashData(Key(), "EvilEnd1"u8.ToArray()), proof);
        Assert.Equal(HMACSHA1.HashData(Key(), "EvilGKey"u8.ToArray()), guest);
    }

    [Fact]
    public void Every_bit_of_the_token_changes_the_key()
    {
        var keys = new System.Collections.Generic.HashSet<string> { Convert.ToHexString(Key()) };
        for (int bit = 0; bit < s_token.Length * 8; bit++)
        {
            byte[] token = [.. s_token];
            token[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.True(keys.Add(Convert.ToHexString(Key(token))));
        }
    }

    [Fact]
    public void A_request_to_end_is_read_back_and_nothing_else_is_one()
    {
        byte[] ping = new byte[MagicPing.EndSize], proof = new byte[20];
        EndRequest.Emit(ping.AsSpan(MagicPing.HeaderSize), Key());
        MagicPing.EmitHeader(ping, MagicKind.End);
        MachineKey.EndProof(Key(), proof);
        Assert.Equal([.. "EvilPing"u8, 1, 0, 3, 0, 24, 0, 0, 0, .. proof, 0, 0, 0, 0], ping);
        Assert.Equal(Refusal.None, MagicPing.Parse(ping, out MagicKind kind, out ReadOnlySpan<byte> body));
        Assert.Equal(MagicKind.End, kind);
        Assert.True(EndRequest.TryParse(body, out Digest read));
        Assert.True(read.Bytes.SequenceEqual(proof));
        Assert.Equal(Refusal.Truncated, MagicPing.Parse(ping.AsSpan(0, ping.Length - 1), out _, out _));
        Assert.Equal(Refusal.TrailingBytes, MagicPing.Parse([.. ping, 0], out _, out _));
        for (int reserved = ping.Length - 4; reserved < ping.Length; reserved++)
        {
            ping[reserved] = 1;
            Assert.False(EndRequest.TryParse(ping.AsSpan(MagicPing.HeaderSize), out _));
            ping[reserved] = 0;
        }
    }
}
