using System;
using Xunit;

namespace Wire.Tests;

public class TokenTests
{
    private static readonly byte[] s_key = "a secret of sixty-four bytes at most"u8.ToArray();

    private static byte[] Mint()
    {
        byte[] bytes = new byte[BootToken.Size], first = new byte[20], end = new byte[20];
        new Random(4).NextBytes(first);
        first.CopyTo(end, 0);
        HashChain.Advance(end, 9);
        var draft = new BootTokenDraft(bytes)
        {
            Node = 0x0A000002, BootAddress = 0x0A000032, Gateway = 0x0A000001, PrefixLength = 24, MemoryMiB = 64, CpuPercent = 100,
            RefundHash = first, Value = 0x123456789A, DiskMiB = 7, Issued = 1000, Expires = 2000, ElementCount = 10, Lease = 0x1234, ChainEnd = end, First = first, Loader = first,
        };
        Assert.True(draft.AddGuest(0x0A000040));
        Assert.True(draft.AddGuest(0x0A000041));
        draft.SetPrice(Resource.Cpu, 1);
        draft.SetPrice(Resource.Memory, 2);
        draft.SetPrice(Resource.Network, 3);
        draft.SetPrice(Resource.Existence, uint.MaxValue);
        draft.Sign(s_key);
        return bytes;
    }

    [Fact]
    public void What_was_minted_is_read_back()
    {
        Assert.True(BootToken.TryParse(Mint(), out BootToken token));
        Assert.Equal((0x0A000002u, 0x0A000032u, 0x0A000001u), (token.Node, token.BootAddress, token.Gateway));
        Assert.Equal((24, 64u, 100, 7u), (token.PrefixLength, token.MemoryMiB, token.CpuPercent, token.DiskMiB));
        Assert.Equal((1000ul, 2000ul, 10u, 2), (token.Issued, token.Expires, token.ElementCount, token.GuestCount));
        Assert.Equal((0x0A000040u, 0x0A000041u), (token.Guest(0), token.Guest(1)));
        Assert.Equal(0x1234, token.Lease);
        Assert.True(token.SignedWith(new HmacSha1(s_key)));
        Assert.True(token.ChainHolds());
        Assert.True(token.Loader.SequenceEqual(token.First.Bytes));
        Assert.True(token.RefundHash.Is(in token.First));
        Assert.Equal((0x123456789Aul, true), (token.Value, token.Prices.IsAny));
        Assert.Equal((1u, 2u, 3u, uint.MaxValue), (token.Prices[(int)Resource.Cpu], token.Prices[(int)Resource.Memory], token.Prices[(int)Resource.Network], token.Prices[(int)Resource.Existence]));
    }

    /// <summary>docs/protocols.md, byte by byte: the fields lie where it says.</summary>
    [Fact]
    public void Bytes_are_those_of_the_documentation()
    {
        byte[] token = Mint();
        Assert.Equal(196, token.Length);
        Assert.Equal("EVBT"u8.ToArray(), token[0..4]);
        Assert.Equal(new byte[] { 3, 0, 0, 0, 10, 0, 0, 2, 64, 0, 0, 0 }, token[4..16]);
        Assert.Equal(new byte[] { 0xE8, 3, 0, 0, 0, 0, 0, 0, 0xD0, 7, 0, 0, 0, 0, 0, 0 }, token[16..32]);
        Assert.Equal(new byte[] { 10, 0, 0, 50, 10, 0, 0, 1, 24, 2, 100, 0, 7, 0, 0, 0, 10, 0, 0, 64, 10, 0, 0, 65 }, token[32..56]);
        Assert.Equal(new byte[] { 10, 0, 0, 0, 0x34, 0x12, 0, 0 }, token[64..72]);
        Assert.Equal(token[92..112], token[112..132]);
        Assert.Equal(System.Security.Cryptography.HMACSHA1.HashData(s_key, token[..176]), token[176..]);
        Assert.Equal(token[92..112], token[132..152]);
        Assert.Equal(new byte[] { 0x9A, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 255, 255, 255, 255 }, token[152..176]);
    }

    [Fact]
    public void Every_flipped_bit_breaks_the_signature()
    {
        byte[] token = Mint();
        for (int bit = 0; bit < token.Length * 8; bit++)
        {
            token[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(BootToken.TryParse(token, out BootToken parsed) && parsed.SignedWith(new HmacSha1(s_key)));
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
    [InlineData(4, 2)]   // version
    [InlineData(4, 4)]   // version
    [InlineData(6, 1)]   // reserved
    [InlineData(12, 0)]  // memory
    [InlineData(40, 7)]  // prefix too short
    [InlineData(40, 31)] // prefix too long
    [InlineData(41, 5)]  // guests
    [InlineData(42, 0)]  // CPU
    [InlineData(64, 0)]  // tokens
    [InlineData(70, 1)]  // reserved
    [InlineData(71, 1)]  // reserved
    [InlineData(157, 1)] // a value above 2^40
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
        Assert.Equal(212, MagicPing.BootSize);
        Assert.True(MagicPing.IsMagic(ping));
        Assert.Equal(Refusal.None, MagicPing.Parse(ping.AsSpan(0, MagicPing.BootSize), out MagicKind kind, out var body));
        Assert.Equal(MagicKind.Boot, kind);
        Assert.True(BootToken.TryParse(body, out _));
        Assert.Equal(Refusal.TrailingBytes, MagicPing.Parse(ping, out _, out _));
        for (int length = 8; length < MagicPing.BootSize; length++)
            Assert.Equal(Refusal.Truncated, MagicPing.Parse(ping.AsSpan(0, length), out _, out _));
        ping[10] = 7;
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
        Assert.True(MagicReply.Size <= MagicPing.EndSize && MagicReply.Size <= MagicPing.ContinuationSize);
        Assert.Equal(MagicReply.Size + Statement.Size, MagicPing.AccountSize);
        Assert.False(read.TryGetStatement(out _));
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
    public void A_call_home_and_its_answer_are_read_back_and_not_taken_for_each_other()
    {
        HomeCall call = new() { Number = 0x1122334455667788 };
        call.Machine.Room[19] = 5;
        byte[] bytes = new byte[HomeCall.Size], answer = new byte[HomeCall.Size];
        call.EmitRequest(bytes);
        Assert.True(HomeCall.TryParseRequest(bytes, out HomeCall read));
        Assert.Equal((call.Number, HomeVerdict.None, 0u), (read.Number, read.Verdict, read.Node));
        Assert.True(read.Machine.Is(in call.Machine));
        Assert.False(HomeCall.TryParseAnswer(bytes, out _));

        (call.Verdict, call.Node) = (HomeVerdict.OverBudget, 0x0A000001);
        call.EmitAnswer(answer);
        Assert.Equal([10, 0, 0, 1], answer.AsSpan(16, 4).ToArray());
        Assert.True(HomeCall.TryParseAnswer(answer, out read));
        Assert.Equal((call.Number, HomeVerdict.OverBudget, 0x0A000001u), (read.Number, read.Verdict, read.Node));
        Assert.False(HomeCall.TryParseRequest(answer, out _));
        foreach (int at in (int[])[0, 4, 6, 7, 20, 44])
        {
            byte[] spoilt = [.. answer];
            spoilt[at] ^= 0x80;
            Assert.False(HomeCall.TryParseAnswer(spoilt, out _), $"byte {at}");
            bytes[at] ^= 0x80;
            Assert.False(HomeCall.TryParseRequest(bytes, out _), $"byte {at} of a call");
            bytes[at] ^= 0x80;
        }
        Assert.False(HomeCall.TryParseAnswer(answer.AsSpan(1), out _));
    }

    [Fact]
    public void A_payment_is_read_back()
    {
        byte[] bytes = new byte[Payment.Size], end = new byte[20], element = new byte[20];
        end[0] = 1;
        element[19] = 2;
        Payment.Emit(bytes, 12, end, element);
        Assert.True(Payment.TryParse(bytes, out Payment payment));
        Assert.Equal(12u, payment.Count);
        Assert.True(payment.Machine.Bytes.SequenceEqual(end) && payment.Element.Bytes.SequenceEqual(element));
        Assert.False(Payment.TryParse(bytes.AsSpan(1), out _));
        bytes[4] = 1;
        Assert.False(Payment.TryParse(bytes, out _));
    }

    [Theory]
    [InlineData(Resource.Cpu)]
    [InlineData(Resource.Memory)]
    [InlineData(Resource.Network)]
    [InlineData(Resource.Existence)]
    public void One_price_is_enough_for_an_account(Resource resource)
    {
        byte[] bytes = Mint();
        bytes.AsSpan(160, 16).Clear();
        Assert.True(BootToken.TryParse(bytes, out BootToken token));
        Assert.False(token.Prices.IsAny);
        bytes[160 + 4 * (int)resource + 3] = 1;
        Assert.True(token.Prices.IsAny);
        Assert.Equal(0x01000000u, token.Prices[(int)resource]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_token_of_another_version_is_refused_as_such_whatever_its_size(byte version)
    {
        foreach (int size in new[] { 152, BootToken.Size, 300, 8 })
        {
            byte[] ping = new byte[MagicPing.HeaderSize + size];
            Mint().AsSpan(0, Math.Min(size, BootToken.Size)).CopyTo(ping.AsSpan(MagicPing.HeaderSize));
            MagicPing.EmitHeader(ping, MagicKind.Boot);
            ping[MagicPing.HeaderSize + 4] = version;
            Assert.Equal(Refusal.UnknownTokenVersion, MagicPing.Parse(ping, out _, out _));
        }
    }

    [Fact]
    public void A_continuation_is_read_back_and_holds_only_as_it_was_signed()
    {
        byte[] bytes = new byte[Continuation.Size], first = new byte[20], end = new byte[20], machine = new byte[20], former = new byte[20];
        new Random(5).NextBytes(first);
        first.CopyTo(end, 0);
        HashChain.Advance(end, 6);
        (machine[0], former[1]) = (1, 2);
        Continuation.Emit(bytes, new HmacSha1(s_key), 0x0A000002, 7, machine, former, end, first);
        Assert.True(Continuation.TryParse(bytes, out Continuation token));
        Assert.Equal((0x0A000002u, 7u), (token.Node, token.ElementCount));
        Assert.True(token.Machine.Bytes.SequenceEqual(machine) && token.Former.Bytes.SequenceEqual(former) && token.ChainEnd.Bytes.SequenceEqual(end) && token.First.Bytes.SequenceEqual(first));
        Assert.True(token.ChainHolds() && token.SignedWith(new HmacSha1(s_key)));
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(Continuation.TryParse(bytes, out Continuation parsed) && parsed.SignedWith(new HmacSha1(s_key)));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.False(Continuation.TryParse(bytes.AsSpan(1), out _));
        bytes[12] = 0;
        Assert.False(Continuation.TryParse(bytes, out _));
    }

    [Fact]
    public void A_statement_is_read_back_behind_a_reply_and_is_signed()
    {
        byte[] reply = new byte[MagicReply.Size + Statement.Size], machine = new byte[20];
        machine[3] = 9;
        MagicReply.Emit(reply, MagicKind.Refund, Refusal.None, 1, 2, 3, 0);
        ref StatementFields fields = ref System.Runtime.InteropServices.MemoryMarshal.AsRef<StatementFields>(reply.AsSpan(MagicReply.Size));
        (fields.State, fields.Count, fields.Unused, fields.Rate) = (AccountState.Refunded, 5, ulong.MaxValue, 6);
        machine.CopyTo(fields.Machine.Room);
        for (int i = 0; i < Prices.Count; i++)
            fields.Used[i] = 1 + (ulong)i;
        Statement.Sign(reply.AsSpan(MagicReply.Size), new HmacSha1(s_key));
        Assert.True(MagicReply.TryParse(reply, out MagicReply read));
        Assert.True(read.TryGetStatement(out Statement statement));
        Assert.Equal((AccountState.Refunded, 5u, ulong.MaxValue, 6ul), (statement.State, statement.Count, statement.Unused, statement.Rate));
        Assert.Equal((1ul, 2ul, 3ul, 4ul), (statement.Used(Resource.Cpu), statement.Used(Resource.Memory), statement.Used(Resource.Network), statement.Used(Resource.Existence)));
        Assert.True(statement.Machine.Bytes.SequenceEqual(machine) && statement.SignedWith(new HmacSha1(s_key)));
        Assert.False(statement.SignedWith(new HmacSha1("another secret, no shorter"u8)));
        reply[MagicReply.Size] ^= 1;
        Assert.False(read.TryGetStatement(out _));
        Assert.False(MagicReply.TryParse(reply.AsSpan(0, reply.Length - 1), out _));
    }
}
