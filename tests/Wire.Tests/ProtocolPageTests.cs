using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace Wire.Tests;

/// <summary>docs/protocols.md says what the code does: every table's offsets, sizes, magic numbers, versions and fields, every number with a name, every limit.</summary>
public sealed partial class ProtocolPageTests
{
    private static readonly string s_page = File.ReadAllText(FindPage());

    private static readonly byte[] s_twenty = [.. Enumerable.Range(0xA0, 20).Select(value => (byte)value)],
        s_other = [.. Enumerable.Range(0xC0, 20).Select(value => (byte)value)], s_third = [.. Enumerable.Range(0x20, 20).Select(value => (byte)value)];

    /// <summary>One row of a table of offsets. The size is null where the field has none of its own.</summary>
    private sealed record Row(int Offset, int? Size, string Field);

    /// <summary>A record as the code makes it, and what stands in each field, by the first words of the field on the page.</summary>
    private sealed record Sample(string Heading, byte[] Bytes, Dictionary<string, byte[]> Fields, int Table = 0);

    private static string FindPage() => Path.Combine(Repository.Root, "docs", "protocols.md");

    private static string Section(string heading)
    {
        var match = Regex.Match(s_page, $@"^#+ {Regex.Escape(heading)}[^\n]*\n(.*?)(?=^#|\z)", RegexOptions.Multiline | RegexOptions.Singleline);
        Assert.True(match.Success, $"the page has no section «{heading}»");
        return match.Groups[1].Value;
    }

    private static List<Row> Table(string heading, int index)
    {
        List<List<Row>> tables = [];
        foreach (var line in Section(heading).Split('\n').Select(line => line.Trim()))
        {
            if (line == "| offset | size | field |")
                tables.Add([]);
            else if (OffsetRow().Match(line) is { Success: true } row)
                tables[^1].Add(new Row(int.Parse(row.Groups[1].Value, CultureInfo.InvariantCulture),
                    row.Groups[2].Value is { Length: > 0 } size ? int.Parse(size, CultureInfo.InvariantCulture) : null, row.Groups[3].Value));
        }
        return tables[index];
    }

    [GeneratedRegex(@"^\| (\d+) \| (\d*) ?\| (.*?) \|$")]
    private static partial Regex OffsetRow();

    private static byte[] Le(ulong value, int size) => [.. Enumerable.Range(0, size).Select(i => (byte)(value >> 8 * i))];

    private static byte[] Ascii(string text) => Encoding.ASCII.GetBytes(text);

    private static byte[] Made(int size, Action<byte[]> emit)
    {
        var bytes = new byte[size];
        emit(bytes);
        return bytes;
    }

    private static IEnumerable<Sample> Samples()
    {
        yield return new("Magic ping", Made(MagicPing.EndSize, bytes => MagicPing.EmitHeader(bytes, MagicKind.End))[..MagicPing.HeaderSize],
            new() { ["kind"] = Le(3, 2), ["length of the body"] = Le(EndRequest.Size, 4) });
        yield return new("Reply", Made(MagicReply.Size, bytes => MagicReply.Emit(bytes, MagicKind.Payment, Refusal.NoSuchDomain, 0x0A000001, 0x0A000002, 0x1122334455667788, 77)),
            new()
            {
                ["kind"] = Le(2, 2), ["0: done"] = [20], ["address of the node"] = [10, 0, 0, 1], ["boot address"] = [10, 0, 0, 2],
                ["the node's clock"] = Le(0x1122334455667788, 8), ["the limit"] = Le(77, 4),
            });
        var proof = new byte[20];
        MachineKey.EndProof(s_twenty, proof);
        yield return new("Request to end", Made(EndRequest.Size, bytes => EndRequest.Emit(bytes, s_twenty)), new() { ["end proof"] = proof });
        yield return new("Key module", Made(KeyModule.Size, bytes => KeyModule.Emit(bytes, s_twenty)), new() { ["machine key"] = s_twenty });
        yield return BootTokenSample();
        yield return new("Payment", Made(Payment.Size, bytes => Payment.Emit(bytes, 9, s_twenty, s_other)),
            new() { ["m, the number"] = Le(9, 4), ["the domain's name"] = s_twenty, ["the element"] = s_other });
        yield return new("Continuation", Made(Continuation.Size, bytes => Continuation.Emit(bytes, new HmacSha1("sixteen bytes and"u8), 0x0A000001, 9, s_twenty, s_other, s_third, s_twenty)),
            new()
            {
                ["node address"] = [10, 0, 0, 1], ["k, the number"] = Le(9, 4), ["the domain's name"] = s_twenty, ["former chain end"] = s_other, ["new chain end"] = s_third,
                ["first element"] = s_twenty,
                ["HMAC-SHA1"] = Tag(Made(Continuation.Size, bytes => Continuation.Emit(bytes, new HmacSha1("sixteen bytes and"u8), 0x0A000001, 9, s_twenty, s_other, s_third, s_twenty))),
            });
        yield return new("Request about an account", Made(AccountRequest.Size, bytes => AccountRequest.Emit(bytes, s_twenty, s_other)),
            new() { ["the domain's name"] = s_twenty, ["with a refund"] = s_other, ["padding"] = new byte[84] });
        yield return new("Statement", StatementBytes(), new()
        {
            ["state"] = Le(4, 2), ["the domain's name"] = s_twenty, ["number of elements"] = Le(0x99, 4), ["unused units"] = Le(0x1122334455667788, 8), ["burn rate"] = Le(0x77, 8),
            ["used: microseconds"] = Le(0x123456789A, 8), ["used: MiB"] = Le(0x23456789AB, 8), ["used: KiB"] = Le(0x3456789ABC, 8), ["used: seconds"] = Le(0x456789ABCD, 8),
            ["HMAC-SHA1"] = Tag(StatementBytes()),
        });
        HomeCall call = new() { Number = 0x1122334455667788 };
        s_twenty.CopyTo(call.Machine.Room);
        yield return new("Home", Made(HomeCall.Size, bytes => call.EmitRequest(bytes)), new()
        {
            ["of an answer: 1 paid"] = [0], ["a random number"] = Le(0x1122334455667788, 8), ["of an answer: address"] = new byte[4], ["the machine's name"] = s_twenty,
        });
        yield return new("Secure channel", Made(ChannelHello.Size, bytes => ChannelHello.EmitAnswer(bytes, ChannelStatus.Busy)), new() { ["status"] = [3] }, Table: 1);
        yield return new("Upload", Made(Upload.Size, bytes => Upload.Emit(bytes, 0x12345, Upload.Plain)),
            new() { ["length of the loader"] = Le(0x12345, 4), ["flags: bit 0, plain"] = Le(1, 4) });
        yield return new("Answer", Made(UploadAnswer.Size, bytes => UploadAnswer.Emit(bytes, UploadStage.KernelLoader, UploadRefusal.BadKernel, 0x1234567890)),
            new() { ["stage"] = [2], ["0 accepted"] = [7], ["the limit"] = Le(0x1234567890, 8) });
        var move = new MoveCommand { Address = 0x0A000001, DestinationPort = 1707, Flags = MoveFlags.Plaintext, Rate = 0x1234, Patience = 0x56, GiveUp = 0x78 };
        yield return new("Command", Made(MoveCommand.Size, bytes => move.Emit(bytes, s_twenty)),
            new()
            {
                ["kind"] = Le(1, 2), ["address"] = [10, 0, 0, 1], ["its port"] = Le(1707, 2), ["flags"] = Le(4, 2), ["Mbit/s"] = Le(0x1234, 4),
                ["seconds without an answer"] = Le(0x56, 2), ["seconds after which"] = Le(0x78, 2), ["machine key"] = s_twenty,
            });
        yield return new("Exec", Made(ExecCommand.Size, bytes => ExecCommand.Emit(bytes, 0x1234, hasTerminal: true)),
            new() { ["kind"] = Le(2, 2), ["length of the program's"] = Le(0x1234, 4), ["terminal"] = [1] });
        yield return new("Frame", Made(ExecFrame.HeaderSize, bytes => ExecFrame.Emit(bytes, ExecFrameKind.Error, 0x1234)),
            new() { ["kind"] = [4], ["length of the data"] = Le(0x1234, 2) });
        yield return new("Cancel", Made(CancelCommand.Size, CancelBytes), new() { ["kind"] = Le(3, 2) });
        yield return new("Event", Made(GuestEvent.HeaderSize, bytes => GuestEvent.Emit(bytes, GuestEventKind.Failed, 7, 0x99)),
            new() { ["kind"] = [3], ["with 3 the exit code"] = [7], ["length of the text"] = Le(0x99, 2) });
        yield return new("Kernel bundle", Made(KernelBundle.Size, bytes => KernelBundle.Emit(bytes, 0x123, 0x45678, 0x9ABCDE, s_twenty)),
            new()
            {
                ["flags"] = Le(1, 2), ["length of the command line"] = Le(0x123, 4), ["length of the kernel"] = Le(0x45678, 4),
                ["length of the initramfs"] = Le(0x9ABCDE, 4), ["SHA-1"] = s_twenty,
            });
        yield return new("Header", Made(CheckpointHeader.Size, bytes => CheckpointHeader.Emit(bytes, CheckpointHash.Crc32CSum, MachineFeatures.VirtioNet, 0x4321,
                CheckpointHeader.DirectMap + 0x500000, 0x1122334455667788, [0x0A000001, 0x0A000002, 0x0A000003, 0x0A000004])),
            new()
            {
                ["hash kind"] = [1], ["machine features"] = Le(4, 8), ["frames of 4 KiB"] = Le(0x4321, 4), ["recovery entry"] = Le(0xffffc00000500000, 8),
                ["recovery argument"] = Le(0x1122334455667788, 8), ["four IPv4 addresses"] = [10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 3, 10, 0, 0, 4],
            });
        yield return new("Record", Made(CheckpointRecord.Size, bytes => CheckpointRecord.Emit(bytes, 0x12345, RecordFlags.Zero, 0x1235)),
            new() { ["frame number"] = Le(0x12345, 4), ["flags"] = Le(1, 2), ["with flags 1 how many"] = Le(0x1234, 2) });
        yield return new("Trailer", Made(CheckpointTrailer.Size, bytes => CheckpointTrailer.Emit(bytes, 0x123456789A, 0x1122334455667788)),
            new() { ["number of records"] = Le(0x123456789A, 8), ["hash"] = Le(0x1122334455667788, 8) });
        yield return new("Hand-over", Made(HandOver.Size, bytes => HandOver.Emit(bytes, HandOverKind.Refused, CheckpointRefusal.WrongHash, 0x123456789A)),
            new() { ["kind"] = [2], ["with REFUSED the reason"] = [9], ["with REFUSED the frame"] = Le(0x123456789A, 8) });
    }

    private static byte[] StatementBytes() => Made(Statement.Size, bytes =>
    {
        ref var fields = ref System.Runtime.InteropServices.MemoryMarshal.AsRef<StatementFields>(bytes.AsSpan());
        (fields.State, fields.Count, fields.Unused, fields.Rate) = (AccountState.Refunded, 0x99, 0x1122334455667788, 0x77);
        s_twenty.CopyTo(fields.Machine.Room);
        (fields.Used[0], fields.Used[1], fields.Used[2], fields.Used[3]) = (0x123456789A, 0x23456789AB, 0x3456789ABC, 0x456789ABCD);
        Statement.Sign(bytes, new HmacSha1("sixteen bytes and"u8));
    });

    /// <summary>What the framework says of all but the last 20 bytes.</summary>
    private static byte[] Tag(byte[] bytes) => System.Security.Cryptography.HMACSHA1.HashData(Ascii("sixteen bytes and"), bytes[..^20]);

    private static void CancelBytes(byte[] bytes) => CancelCommand.Emit(bytes);

    private static Sample BootTokenSample()
    {
        var bytes = new byte[BootToken.Size];
        var draft = new BootTokenDraft(bytes)
        {
            Node = 0x0A000001, MemoryMiB = 0x123, Issued = 0x1122334455667788, Expires = 0x2233445566778899, BootAddress = 0x0A000002, Gateway = 0x0A000003,
            PrefixLength = 24, CpuPercent = 0x64, DiskMiB = 0x777, ElementCount = 0x1F, Lease = 0x3C, ChainEnd = s_twenty, First = s_other, Loader = s_third, RefundHash = s_twenty.Reverse().ToArray(),
            Value = 0x123456789A,
        };
        foreach (Resource resource in Enum.GetValues<Resource>())
            draft.SetPrice(resource, 0x11111111 * (1 + (uint)resource));
        Assert.True(draft.AddGuest(0x0A000004) && draft.AddGuest(0x0A000005));
        draft.Sign(Ascii("sixteen bytes and"));
        return new("Boot token", bytes, new()
        {
            ["node address"] = [10, 0, 0, 1], ["memory"] = Le(0x123, 4), ["issued"] = Le(0x1122334455667788, 8), ["expires"] = Le(0x2233445566778899, 8),
            ["boot address"] = [10, 0, 0, 2], ["gateway"] = [10, 0, 0, 3], ["prefix length"] = [24], ["guest addresses used"] = [2],
            ["CPU share"] = Le(0x64, 2), ["disk"] = Le(0x777, 4), ["guest addresses, four"] = [10, 0, 0, 4, 10, 0, 0, 5, .. new byte[8]],
            ["k, the number"] = Le(0x1F, 4), ["lease"] = Le(0x3C, 2), ["chain end"] = s_twenty, ["first element"] = s_other,
            ["SHA-1 of the permitted loader"] = s_third,
            ["HMAC-SHA1"] = System.Security.Cryptography.HMACSHA1.HashData(Ascii("sixteen bytes and"), bytes[..176]),
            ["refund hash"] = [.. s_twenty.Reverse()], ["value"] = Le(0x123456789A, 8), ["price of a microsecond"] = Le(0x11111111, 4),
            ["price of a MiB"] = Le(0x22222222, 4), ["price of a KiB"] = Le(0x33333333, 4), ["price of a second"] = Le(0x44444444, 4),
        });
    }

    public static TheoryData<string> SampleNames() => [.. Samples().Select(sample => sample.Heading)];

    /// <summary>The table has no gap, ends where the record does, and each of its rows is what the code writes there.</summary>
    [Theory, MemberData(nameof(SampleNames))]
    public void Each_field_lies_where_the_page_says(string heading)
    {
        var sample = Samples().Single(sample => sample.Heading == heading);
        var left = sample.Fields.Keys.ToHashSet();
        var end = 0;
        foreach (var row in Table(heading, sample.Table))
        {
            Assert.Equal(end, row.Offset);
            if (row.Size is not { } size)
                continue;
            end = row.Offset + size;
            Assert.True(end <= sample.Bytes.Length, $"«{row.Field}» lies behind the end");
            var value = sample.Bytes[row.Offset..end];
            byte[] expected;
            if (Regex.Match(row.Field, "^magic `(\\w+)`") is { Success: true } magic)
                expected = Ascii(magic.Groups[1].Value);
            else if (Regex.Match(row.Field, @"^version, (\d+)$") is { Success: true } version)
                expected = Le(ulong.Parse(version.Groups[1].Value, CultureInfo.InvariantCulture), size);
            else if (row.Field == "zero")
                expected = new byte[size];
            else
            {
                var name = left.Where(name => row.Field.StartsWith(name, StringComparison.Ordinal)).MaxBy(name => name.Length);
                Assert.True(name is not null, $"the code has nothing for «{row.Field}»");
                left.Remove(name);
                expected = sample.Fields[name];
            }
            Assert.True(expected.AsSpan().SequenceEqual(value), $"«{row.Field}» is {Convert.ToHexString(value)}, not {Convert.ToHexString(expected)}");
        }
        Assert.Equal(sample.Bytes.Length, end);
        Assert.Empty(left);
    }

    /// <summary>The first message has no record of its own: a hello, and what Noise makes.</summary>
    [Fact]
    public void The_first_message_is_as_the_page_says()
    {
        var rows = Table("Secure channel", 0);
        Assert.Equal([(0, 4), (4, 2), (6, 2), (8, X25519.KeySize), (8 + X25519.KeySize, SecureChannel.TagSize)], rows.Select(row => (row.Offset, row.Size!.Value)));
        Assert.Equal(ChannelHello.MessageSize, rows[^1].Offset + rows[^1].Size);
        Assert.Equal($"magic: `{Word(Upload.Magic)}` on port {Upload.Port}, `{Word(MoveCommand.HelloMagic)}` on port {MoveCommand.Port}", rows[0].Field);
        Assert.Equal($"version: {Upload.Version} on port {Upload.Port}, {MoveCommand.HelloVersion} on port {MoveCommand.Port}", rows[1].Field);

        static string Word(uint magic) => Encoding.ASCII.GetString(Le(magic, 4));
    }

    /// <summary>A number and a name on the page for each that the code has, and no other. The page's words begin as the name's, in the same order.</summary>
    [Theory]
    [InlineData(typeof(MagicKind), "Magic ping", @"kind: ([^|]+)")]
    [InlineData(typeof(Refusal), "Reply", null)]
    [InlineData(typeof(AccountState), "Statement", @"state: ([^|]+)")]
    [InlineData(typeof(ChannelStatus), "Secure channel", @"status: ([^|]+)")]
    [InlineData(typeof(UploadStage), "Answer", @"stage: ([^|]+)")]
    [InlineData(typeof(UploadRefusal), "Answer", @"\| (0 accepted; [^|]+)")]
    [InlineData(typeof(MoveFlags), "Command", @"flags: ([^|]+); the others zero")]
    [InlineData(typeof(GuestEventKind), "Event", @"kind: ([^|]+)")]
    [InlineData(typeof(ExecFrameKind), "Frame", @"kind: ([^|]+)")]
    [InlineData(typeof(HandOverKind), "Hand-over", @"kind: ([^|]+)")]
    [InlineData(typeof(CheckpointRefusal), "Hand-over", @"Reasons: ([^.]+)\.")]
    [InlineData(typeof(MachineFeatures), "Header", @"Features: bit ([^.]+)\.")]
    public void Each_number_has_the_name_that_the_page_gives_it(Type kind, string heading, string? place)
    {
        var section = Section(heading);
        var text = place is null ? string.Join(", ", Regex.Matches(section, @"^\| (\d+ \| [^|]+?) \| [^|]*\|$", RegexOptions.Multiline).Select(row => row.Groups[1].Value.Replace("| ", "")))
            : Regex.Match(section, place).Groups[1].Value;
        var said = Regex.Matches(text.ReplaceLineEndings(" "), @"(\d+) ([A-Za-z][^,;|]*)")
            .ToDictionary(item => ulong.Parse(item.Groups[1].Value, CultureInfo.InvariantCulture), item => Words(item.Groups[2].Value));
        said.Remove(0, out _);
        var known = Enum.GetValuesAsUnderlyingType(kind).Cast<object>().Select(value => (Name: Enum.GetName(kind, value)!, Value: Convert.ToUInt64(value)))
            .Where(item => item.Value != 0 && !(kind == typeof(MachineFeatures) && item.Name == "Known"))
            .ToDictionary(item => kind == typeof(MachineFeatures) ? (ulong)System.Numerics.BitOperations.TrailingZeroCount(item.Value) : item.Value, item => item.Name);
        if (kind == typeof(MachineFeatures))
            said[0] = Words(text[2..text.IndexOf(',', StringComparison.Ordinal)]);
        Assert.Equal(known.Keys.Order(), said.Keys.Order());
        foreach (var (number, name) in known)
        {
            var next = 0;
            foreach (var word in Words(Regex.Replace(name, "(?<=[a-z0-9])(?=[A-Z])", " ")))
            {
                next = Array.FindIndex(said[number], next, has => has.StartsWith(word, StringComparison.Ordinal)) + 1;
                Assert.True(next > 0, $"{number} is {name}, and the page says «{string.Join(' ', said[number])}»");
            }
        }
    }

    private static string[] Words(string text) => [.. Regex.Matches(text.ToLowerInvariant(), "[a-z0-9]+").Select(word => word.Value)];

    public static TheoryData<string, string> Limits()
    {
        var data = new TheoryData<string, string>
        {
            { "Magic ping", Say($"length of the body: {BootToken.Size} for boot, {Payment.Size} for payment, {EndRequest.Size} for end, {AccountRequest.Size} for query and refund, {Continuation.Size} for continuation") },
            { "Magic ping", Say($"A boot ping is {MagicPing.BootSize} bytes, a payment ping {MagicPing.PaymentSize}, an end ping {MagicPing.EndSize}, a query or a refund {MagicPing.AccountSize}, a continuation {MagicPing.ContinuationSize}") },
            { "Reply", Say($"The payload of the Echo Reply, {MagicReply.Size} bytes") },
            { "Machine key", Say($"{MachineKey.Size} bytes that node and customer") },
            { "Machine key", Say($"and all {BootToken.Size} bytes of the boot token") },
            { "Boot token", Say($"value of one element in units, at most 2^{Math.Log2(BootToken.MaxValue)}") },
            { "Boot token", Say($"{BootToken.Size} bytes. A node") },
            { "Boot token", Say($"| version, {BootToken.Version} |") },
            { "Continuation", Say($"{Continuation.Size} bytes") },
            { "Request about an account", Say($"{AccountRequest.Size} bytes, the body") },
            { "Statement", Say($"{Statement.Size} bytes, after the reply") },
            { "Boot token", Say($"guest addresses used, 0 to {BootToken.MaxGuests}") },
            { "Secure channel", Say($"a 16-bit length, {SecureChannel.TagSize + 1} to {SecureChannel.MaxText + SecureChannel.TagSize:N0}, and so many bytes") },
            { "Secure channel", Say($"first message: {ChannelHello.MessageSize} bytes") },
            { "Upload", Say($"length of the loader, 1 to {Upload.MaxLoaderSize:N0}") },
            { "Command", Say($"at most {MoveCommand.MaxRate:N0}; 0 for as fast as it goes") },
            { "Command", Say($"seconds without an answer after which the move fails, at most {MoveCommand.MaxSeconds:N0};") },
            { "Exec", Say($"length of the program's words, 2 to {ExecCommand.MaxWords:N0}") },
            { "Frame", Say($"length of the data, at most {ExecFrame.MaxData:N0};") },
            { "Frame", Say($"the terminal's type, at most {ExecFrame.MaxTerminalType} bytes") },
            { "Event", Say($"length of the text, at most {GuestEvent.MaxText}") },
            { "Kernel bundle", Say($"length of the command line, 0 to {KernelBundle.MaxCommandLine:N0};") },
            { "Kernel bundle", Say($"length of the kernel (a PVH ELF image), 1 to 2^{Math.Log2(KernelBundle.MaxPart)}") },
            { "Kernel bundle", Say($"length of the initramfs, 0 to 2^{Math.Log2(KernelBundle.MaxPart)}") },
            { "Header", Say($"more than 0x{CheckpointHeader.FirstFrame:x}, at most 0x{CheckpointHeader.MaxFrames:X}") },
            { "Header", Say($"0x{CheckpointHeader.DirectMap:x} + physical") },
            { "Record", Say($"at least 0x{CheckpointHeader.FirstFrame:x} (4 MiB") },
            { "Record", Say($"frame number 0x{CheckpointRecord.EndFrame:X}") },
            { "Record", Say($"a mask of {CheckpointLines.MaskSize} bytes, bit n for the bytes from {CheckpointLines.LineSize} × n to {CheckpointLines.LineSize} × n + {CheckpointLines.LineSize - 1} of") },
            { "Record", Say($"and then {CheckpointLines.LineSize} bytes for each bit that is set") },
            { "Trailer", Say($"a page of zeros 0x{Crc32C.ZeroPage:X}") },
            { "Hand-over", Say($"with LATE the length of the frame that follows, 1 to {HandOver.MaxLateFrame:N0}") },
            { "Hand-over", Say($"up to {HandOver.LateCapacity / 1024} KiB of them") },
        };
        return data;
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    [Theory, MemberData(nameof(Limits))]
    public void Each_limit_is_the_code_s(string heading, string sentence) =>
        Assert.Contains(sentence, Regex.Replace(Section(heading), @"\s+", " "), StringComparison.Ordinal);

    /// <summary>What a key is made of, by .NET's own functions and the page's labels.</summary>
    [Fact]
    public void The_labels_of_the_keys_are_the_page_s()
    {
        var token = BootTokenSample().Bytes;
        byte[] key = new byte[20], proof = new byte[20], guest = new byte[20], preShared = new byte[32];
        MachineKey.Derive(new HmacSha1("secret"u8), token, key);
        MachineKey.EndProof(key, proof);
        MachineKey.GuestKey(key, guest);
        SecureChannel.PreSharedKey(key, preShared);
        Assert.Equal(key, Hmac(Ascii("secret"), [.. Label("over the eight bytes `(\\w+)`"), .. token]));
        Assert.Equal(proof, Hmac(key, Label(@"\| end proof \| `(\w+)`")));
        Assert.Equal(guest, Hmac(key, Label(@"\| guest key \| `(\w+)`")));
        Assert.Equal(preShared, System.Security.Cryptography.SHA256.HashData([.. Label("`SHA-256\\(\"([^\"]+)\" ‖ key\\)`"), .. key]));

        static byte[] Hmac(byte[] key, byte[] over) => System.Security.Cryptography.HMACSHA1.HashData(key, over);

        static byte[] Label(string place)
        {
            var match = Regex.Match(s_page.ReplaceLineEndings(" "), place);
            Assert.True(match.Success, place);
            return Ascii(match.Groups[1].Value);
        }
    }
}
