using System;
using System.Linq;
using Xunit;

namespace Wire.Tests;

public class NoiseTests
{
    // The vector Noise_NNpsk0_25519_ChaChaPoly_SHA256 of cacophony (github.com/haskell-cryptography/cacophony, vectors/cacophony.txt; public domain).
    private const string Prologue = "4a6f686e2047616c74", Psk = "54686973206973206d7920417573747269616e20706572737065637469766521";

    private static readonly (string Payload, string Message)[] s_vector =
    [
        ("4c756477696720766f6e204d69736573", "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c794479b962b8aff8485742ac32f905ba45369e2465fb59e138a93d67a0d1266b6a54"),
        ("4d757272617920526f746862617264", "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843d6062704d5a9c422a8e834423f8c1feada7e8d0d910a1a2cd030fb584221e3"),
        ("462e20412e20486179656b", "e632c3763d7669067383433197a3baddf146e9e70ad4b4e9e59e0f"),
        ("4361726c204d656e676572", "64c6bee32ea91c8474bb4c21d7a700109ad45af77b29764ba5eb1e"),
        ("4a65616e2d426170746973746520536179", "e2fa0bed0603b62d3ccac2ecabbf3fe33f3e86514909b323361626266cb2471cc8"),
        ("457567656e2042f6686d20766f6e2042617765726b", "0c01dc9cec1fe4ddd692e8dd32188aa351088dc91183639a53b57aa4692b5ebdef8b8ca111"),
    ];

    [Fact]
    public void Every_message_of_the_public_vector_both_ways()
    {
        var initiator = NoiseHandshake.Start(Hex(Prologue), Hex(Psk), Hex("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"));
        var responder = NoiseHandshake.Start(Hex(Prologue), Hex(Psk), Hex("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"));
        byte[] message = new byte[Hex(s_vector[0].Message).Length], payload = new byte[message.Length - NoiseHandshake.Overhead];
        initiator.WriteFirst(Hex(s_vector[0].Payload), message);
        Assert.Equal(s_vector[0].Message, Convert.ToHexStringLower(message));
        Assert.True(responder.ReadFirst(message, payload));
        Assert.Equal(s_vector[0].Payload, Convert.ToHexStringLower(payload));

        message = new byte[Hex(s_vector[1].Message).Length];
        payload = new byte[message.Length - NoiseHandshake.Overhead];
        Assert.True(responder.WriteSecond(Hex(s_vector[1].Payload), message));
        Assert.Equal(s_vector[1].Message, Convert.ToHexStringLower(message));
        Assert.True(initiator.ReadSecond(message, payload));
        Assert.Equal(s_vector[1].Payload, Convert.ToHexStringLower(payload));

        byte[] hash = new byte[32], ours = new byte[32], theirs = new byte[32], first = new byte[32], second = new byte[32];
        initiator.Split(ours, theirs, hash);
        responder.Split(first, second);
        Assert.Equal("f4d03dc34495c95729ea6de9e1b59004b59733102488b3e24bc441e0be208eaf", Convert.ToHexStringLower(hash));
        Assert.Equal(ours, first);
        Assert.Equal(theirs, second);
        for (int i = 2; i < s_vector.Length; i++)
        {
            byte[] text = Hex(s_vector[i].Payload), tag = new byte[16];
            ChaCha20Poly1305.Seal(i % 2 == 0 ? ours : theirs, (ulong)(i / 2 - 1), default, text, tag);
            Assert.Equal(s_vector[i].Message, Convert.ToHexStringLower([.. text, .. tag]));
        }
    }

    [Fact]
    public void No_bit_of_hello_and_messages_may_differ_and_no_byte_be_missing()
    {
        Random random = new(1);
        byte[] psk = Random(random, 32);
        foreach (int flipped in Enumerable.Range(0, 8 * (8 + 48)))
        {
            byte[] hello = Random(random, 8), message = new byte[48];
            var initiator = NoiseHandshake.Start(hello, psk, Random(random, 32));
            initiator.WriteFirst(default, message);
            byte[] all = [.. hello, .. message];
            all[flipped / 8] ^= (byte)(1 << flipped % 8);
            var responder = NoiseHandshake.Start(all.AsSpan(0, 8), psk, Random(random, 32));
            bool isRead = responder.ReadFirst(all.AsSpan(8), default);
            // Bit 255 of a point does not count for the product, but for the hash: here it is refused, too.
            Assert.False(isRead, $"bit {flipped} of the first message");
        }
        foreach (int flipped in Enumerable.Range(0, 8 * 48))
        {
            var (initiator, responder) = Begun(random, psk, psk);
            byte[] message = new byte[48];
            Assert.True(responder.WriteSecond(default, message));
            message[flipped / 8] ^= (byte)(1 << flipped % 8);
            Assert.False(initiator.ReadSecond(message, default), $"bit {flipped} of the second message");
        }
        for (int length = 0; length < 48; length++)
        {
            var (initiator, responder) = Begun(random, psk, psk);
            byte[] message = new byte[48];
            Assert.True(responder.WriteSecond(default, message));
            Assert.False(initiator.ReadSecond(message.AsSpan(0, length), default));
            Assert.False(NoiseHandshake.Start(default, psk, Random(random, 32)).ReadFirst(message.AsSpan(0, length), default));
        }
    }

    [Fact]
    public void Who_has_another_key_is_refused_and_refuses()
    {
        Random random = new(2);
        byte[] message = new byte[48], psk = Random(random, 32), other = (byte[])psk.Clone();
        other[31] ^= 0x80;
        NoiseHandshake.Start("hello"u8, other, Random(random, 32)).WriteFirst(default, message);
        Assert.False(NoiseHandshake.Start("hello"u8, psk, Random(random, 32)).ReadFirst(message, default));

        // A false destination that answers whatever it was asked cannot make the second message.
        var initiator = NoiseHandshake.Start("hello"u8, psk, Random(random, 32));
        initiator.WriteFirst(default, message);
        var impostor = NoiseHandshake.Start("hello"u8, other, Random(random, 32));
        impostor.ReadFirst(message, default);
        impostor.WriteSecond(default, message);
        Assert.False(initiator.ReadSecond(message, default));
    }

    [Fact]
    public void A_point_of_small_order_ends_the_handshake()
    {
        // Only a client with the key can send it, as this one does.
        Random random = new(3);
        byte[] psk = Random(random, 32);
        var (initiator, responder) = Begun(random, psk, psk);
        byte[] message = new byte[48];
        responder.WriteSecond(default, message);
        message.AsSpan(0, 32).Clear();
        Assert.False(initiator.ReadSecond(message, default));
    }

    /// <summary>After the first message.</summary>
    internal static (NoiseHandshake Initiator, NoiseHandshake Responder) Begun(Random random, byte[] psk, byte[] other)
    {
        byte[] hello = Random(random, 8), message = new byte[48];
        var initiator = NoiseHandshake.Start(hello, psk, Random(random, 32));
        initiator.WriteFirst(default, message);
        var responder = NoiseHandshake.Start(hello, other, Random(random, 32));
        Assert.True(responder.ReadFirst(message, default));
        return (initiator, responder);
    }

    internal static byte[] Random(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Hex(string digits) => Convert.FromHexString(digits);
}
