using System;
using Xunit;

namespace Wire.Tests;

public class TokenTests
{
    private static readonly byte[] Key = "a secret of sixty-four bytes at most"u8.ToArray();

    private static byte[] Mint()
    {
        byte[] bytes = new byte[BootToken.Size], first = new byte[20], end = new byte[20];
        new Random(4).NextBytes(first);
        first.CopyTo(end, 0);
        HashChain.Advance(end, 9);
        var draft = new BootTokenDraft(bytes)
        {
            Node = 0x0A000002, BootAddress = 0x0A000032, Gateway = 0x0A000001, PrefixLength = 24, MemoryMiB = 64, CpuPercent = 100,
            DiskMiB = 7, Issued = 1000, Expires = 2000, TokenCount = 10, Lease = 0x1234, ChainEnd = end, First = first, Loader = first,
        };
        Assert.True(draft.AddGuest(0x0A000040));
        Assert.True(draft.AddGuest(0x0A000041));
        draft.Sign(Key);
        return bytes;
    }

    [Fact]
    public void What_was_minted_is_read_back()
    {
        Assert.True(BootToken.TryParse(Mint(), out BootToken token));
        Assert.Equal((0x0A000002u, 0x0A000032u, 0x0A000001u), (token.Node, token.BootAddress, token.Gateway));
        Assert.Equal((24, 64u, 100, 7u), (token.PrefixLength, token.MemoryMiB, token.CpuPercent, token.DiskMiB));
        Assert.Equal((1000ul, 2000ul, 10u, 2), (token.Issued, token.Expires, token.TokenCount, token.GuestCount));
        Assert.Equal((0x0A000040u, 0x0A000041u), (token.Guest(0), token.Guest(1)));
        Assert.Equal(0x1234, token.Lease);
        Assert.True(token.SignedWith(new HmacSha1(Key)));
        Assert.True(token.ChainHolds());
        Assert.True(token.Loader.SequenceEqual(token.First));
    }

    /// <summary>docs/protocols.md, byte by byte: the fields lie where it says.</summary>
    [Fact]
    public void Bytes_are_those_of_the_documentation()
    {
        byte[] token = Mint();
        Assert.Equal(152, token.Length);
        Assert.Equal("EVBT"u8.ToArray(), token[0..4]);
        Assert.Equal(new byte[] { 2, 0, 0, 0, 10, 0, 0, 2, 64, 0, 0, 0 }, token[4..16]);
        Assert.Equal(new byte[] { 0xE8, 3, 0, 0, 0, 0, 0, 0, 0xD0, 7, 0, 0, 0, 0, 0, 0 }, token[16..32]);
        Assert.Equal(new byte[] { 10, 0, 0, 50, 10, 0, 0, 1, 24, 2, 100, 0, 7, 0, 0, 0, 10, 0, 0, 64, 10, 0, 0, 65 }, token[32..56]);
        Assert.Equal(new byte[] { 10, 0, 0, 0, 0x34, 0x12, 0, 0 }, token[64..72]);
        Assert.Equal(token[92..112], token[112..132]);
        Assert.Equal(System.Security.Cryptography.HMACSHA1.HashData(Key, token[..132]), token[132..]);
    }

    [Fact]
    public void Every_flipped_bit_breaks_the_signature()
    {
        byte[] token = Mint();
        for (int bit = 0; bit < token.Length * 8; bit++)
        {
            token[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(BootToken.TryParse(token, out BootToken parsed) && parsed.SignedWith(new HmacSha1(Key)));
            token[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void No_other_length_is_a_token()
    {
        byte[] token = Mint(), longer = new byte[token.Length + 1];
        token.CopyTo(longer, 0);
        for (int length = 0; length < token.Length; length++)
            Assert.False(BootToken.TryParse(token.AsSpan(0, length), out _));
        Assert.False(BootToken.TryParse(longer, out _));
    }

    [Theory]
    [InlineData(4, 1)]   // version
    [InlineData(4, 3)]   // version
    [InlineData(6, 1)]   // reserved
    [InlineData(12, 0)]  // memory
    [InlineData(40, 7)]  // prefix too short
    [InlineData(40, 31)] // prefix too long
    [InlineData(41, 5)]  // guests
    [InlineData(42, 0)]  // CPU
    [InlineData(64, 0)]  // tokens
    [InlineData(70, 1)]  // reserved
    [InlineData(71, 1)]  // reserved
    public void Forms_that_are_not_known_are_refused(int offset, byte value)
    {
        byte[] token = Mint();
        token[offset] = value;
        Assert.False(BootToken.TryParse(token, out _));
    }

    [Fact]
    public void A_token_without_a_lease_is_refused()
    {
        byte[] token = Mint();
        token[68] = token[69] = 0;
        Assert.False(BootToken.TryParse(token, out _));
    }

    [Fact]
    public void A_fifth_guest_is_refused()
    {
        var draft = new BootTokenDraft(new byte[BootToken.Size]);
        for (int i = 0; i < BootToken.MaxGuests; i++)
            Assert.True(draft.AddGuest(1));
        Assert.False(draft.AddGuest(1));
    }

    [Fact]
    public void A_magic_ping_carries_exactly_its_token()
    {
        byte[] ping = new byte[MagicPing.BootSize + 1];
        Mint().CopyTo(ping, MagicPing.HeaderSize);
        MagicPing.EmitHeader(ping.AsSpan(0, MagicPing.BootSize), MagicKind.Boot);
        Assert.Equal(168, MagicPing.BootSize);
        Assert.True(MagicPing.IsMagic(ping));
        Assert.Equal(Refusal.None, MagicPing.Parse(ping.AsSpan(0, MagicPing.BootSize), out MagicKind kind, out var body));
        Assert.Equal(MagicKind.Boot, kind);
        Assert.True(BootToken.TryParse(body, out _));
        Assert.Equal(Refusal.TrailingBytes, MagicPing.Parse(ping, out _, out _));
        for (int length = 8; length < MagicPing.BootSize; length++)
            Assert.Equal(Refusal.Truncated, MagicPing.Parse(ping.AsSpan(0, length), out _, out _));
        ping[10] = 4;
        Assert.Equal(Refusal.UnknownKind, MagicPing.Parse(ping, out _, out _));
        ping[8] = 2;
        Assert.Equal(Refusal.UnknownVersion, MagicPing.Parse(ping, out _, out _));
    }

    [Fact]
    public void An_ordinary_ping_is_not_magic()
    {
        byte[] payload = new byte[56];
        for (int i = 0; i < payload.Length; i++)
            payload[i] = (byte)i;
        Assert.False(MagicPing.IsMagic(payload));
        Assert.False(MagicPing.IsMagic("EvilPin"u8));
        Assert.False(MagicPing.IsMagic(default));
    }

    [Fact]
    public void A_reply_is_read_back_and_smaller_than_any_whole_request()
    {
        byte[] reply = new byte[MagicReply.Size];
        MagicReply.Emit(reply, MagicKind.Boot, Refusal.MemoryTooLarge, 0x0A000002, 0x0A000032, 77, 1024);
        Assert.True(MagicReply.TryParse(reply, out MagicReply read));
        Assert.Equal((MagicKind.Boot, Refusal.MemoryTooLarge), (read.Kind, read.Refusal));
        Assert.Equal((0x0A000002u, 0x0A000032u, 77ul, 1024u), (read.Node, read.BootAddress, read.NodeTime, read.Limit));
        Assert.True(MagicReply.Size < MagicPing.BootSize && MagicReply.Size < MagicPing.PaymentSize);
        reply[0] ^= 1;
        Assert.False(MagicReply.TryParse(reply, out _));
        Assert.False(MagicReply.TryParse(reply.AsSpan(1), out _));
    }

    [Fact]
    public void Every_refusal_has_a_sentence_of_its_own()
    {
        var sentences = new System.Collections.Generic.HashSet<string>();
        foreach (Refusal refusal in Enum.GetValues<Refusal>())
            Assert.True(sentences.Add(refusal.Sentence()), $"{refusal} shares its sentence");
        Assert.DoesNotContain(((Refusal)200).Sentence(), sentences);
    }

    [Fact]
    public void A_payment_is_read_back()
    {
        byte[] bytes = new byte[Payment.Size], end = new byte[20], element = new byte[20];
        end[0] = 1;
        element[19] = 2;
        Payment.Emit(bytes, 12, end, element);
        Assert.True(Payment.TryParse(bytes, out Payment payment));
        Assert.Equal(12u, payment.TokenCount);
        Assert.True(payment.ChainEnd.SequenceEqual(end) && payment.Element.SequenceEqual(element));
        Assert.False(Payment.TryParse(bytes.AsSpan(1), out _));
        bytes[4] = 1;
        Assert.False(Payment.TryParse(bytes, out _));
    }
}
