using System;
using System.Linq;
using System.Numerics;
using System.Runtime.InteropServices;
using Xunit;

namespace Wire.Tests;

public class StreamTests
{
    [Fact]
    public void Crc32C_has_the_check_values_of_RFC_3720()
    {
        Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));
        Assert.Equal(0x8A9136AAu, Crc32C.Of(new byte[32]));
        byte[] ones = new byte[32], rising = new byte[32];
        Array.Fill(ones, (byte)0xFF);
        for (int i = 0; i < 32; i++)
            rising[i] = (byte)i;
        Assert.Equal(0x62A8AB43u, Crc32C.Of(ones));
        Assert.Equal(0x46DD794Eu, Crc32C.Of(rising));
        Assert.Equal(Crc32C.ZeroPage, Crc32C.Of(new byte[4096]));
    }

    /// <summary>The framework's own takes a byte at a time; System.IO.Hashing has no CRC-32C.</summary>
    [Fact]
    public void Crc32C_is_the_frameworks()
    {
        byte[] bytes = new byte[300];
        new Random(6).NextBytes(bytes);
        for (int length = 0; length + 8 <= bytes.Length; length++)
        {
            ReadOnlySpan<byte> part = bytes.AsSpan(length % 8, length);
            uint expected = ~0u;
            foreach (byte one in part)
                expected = BitOperations.Crc32C(expected, one);
            Assert.Equal(~expected, Crc32C.Of(part));
        }
    }

    [Fact]
    public void Crc32C_in_pieces_of_any_length_is_the_same()
    {
        byte[] bytes = new byte[200];
        new Random(5).NextBytes(bytes);
        for (int cut = 0; cut <= bytes.Length; cut++)
            Assert.Equal(Crc32C.Of(bytes), ~Crc32C.Append(Crc32C.Append(~0u, bytes.AsSpan(0, cut)), bytes.AsSpan(cut)));
    }

    [Fact]
    public void An_upload_header_is_read_back()
    {
        byte[] header = new byte[Upload.Size];
        Upload.Emit(header, 12345);
        Assert.Equal(UploadRefusal.None, Upload.Parse(header, out uint length, out uint flags));
        Assert.Equal((12345u, 0u), (length, flags));
        Upload.Emit(header, 1, Upload.Plain);
        Assert.Equal(UploadRefusal.None, Upload.Parse(header, out _, out flags));
        Assert.Equal(Upload.Plain, flags);
        header[12] = 4; // an unknown flag
        Assert.Equal(UploadRefusal.BadHeader, Upload.Parse(header, out _, out _));
        Upload.Emit(header, 0, Upload.Withdraw);
        Assert.Equal(UploadRefusal.None, Upload.Parse(header, out length, out flags));
        Assert.Equal((0u, Upload.Withdraw), (length, flags));
        Upload.Emit(header, 1, Upload.Withdraw);
        Assert.Equal(UploadRefusal.BadLength, Upload.Parse(header, out _, out _));
        Upload.Emit(header, 0, Upload.Withdraw | Upload.Plain);
        Assert.Equal(UploadRefusal.BadHeader, Upload.Parse(header, out _, out _));
        Upload.Emit(header, Upload.MaxLoaderSize + 1);
        Assert.Equal(UploadRefusal.BadLength, Upload.Parse(header, out _, out _));
        Upload.Emit(header, 0);
        Assert.Equal(UploadRefusal.BadLength, Upload.Parse(header, out _, out _));
        header[4] = 9;
        Assert.Equal(UploadRefusal.UnknownVersion, Upload.Parse(header, out _, out _));
        header[0] = 0;
        Assert.Equal(UploadRefusal.BadHeader, Upload.Parse(header, out _, out _));
        for (int size = 0; size < Upload.Size; size++)
            Assert.Equal(UploadRefusal.BadHeader, Upload.Parse(header.AsSpan(0, size), out _, out _));
    }

    [Fact]
    public void A_command_and_its_events_are_read_back()
    {
        byte[] bytes = new byte[MoveCommand.Size], key = new byte[MachineKey.Size];
        key[19] = 7;
        new MoveCommand { Address = 0x0a000002, DestinationPort = 1707, Flags = MoveFlags.Verify | MoveFlags.Plaintext, Rate = 40, Patience = 2, GiveUp = 3 }.Emit(bytes, key);
        Assert.True(MoveCommand.TryParse(bytes, out var read, out var readKey));
        Assert.Equal((0x0a000002u, 1707, MoveFlags.Verify | MoveFlags.Plaintext, 40u, 2, 3),
            (read.Address, read.DestinationPort, read.Flags, read.Rate, read.Patience, read.GiveUp));
        Assert.True(readKey.SequenceEqual(key));
        Assert.Equal("45564751010001000a000002ab0606002800000002000300", Convert.ToHexStringLower(bytes.AsSpan(0, 24)));
        Assert.False(MoveCommand.TryParse(bytes.AsSpan(1), out _, out _));

        byte[] header = new byte[GuestEvent.HeaderSize];
        GuestEvent.Emit(header, GuestEventKind.Failed, 7, 33);
        Assert.True(GuestEvent.TryParse(header, out var kind, out byte code, out int length));
        Assert.Equal((GuestEventKind.Failed, 7, 33), (kind, code, length));
        GuestEvent.Emit(header, GuestEventKind.Arrived, 7, 0); // an arrived guest has no exit code
        Assert.False(GuestEvent.TryParse(header, out _, out _, out _));
    }

    /// <summary>Each of the three commands is that one alone, and a changed byte makes it none, or another with other contents.</summary>
    [Fact]
    public void Commands_to_run_and_to_cancel_are_read_back_and_not_mistaken()
    {
        byte[] exec = new byte[ExecCommand.Size], cancel = new byte[CancelCommand.Size], move = new byte[MoveCommand.Size];
        ExecCommand.Emit(exec, ExecCommand.MaxWords);
        CancelCommand.Emit(cancel);
        new MoveCommand { Address = 1, DestinationPort = 1 }.Emit(move, new byte[MachineKey.Size]);
        foreach (byte[] command in (byte[][])[exec, cancel, move])
        {
            Assert.Equal(ReferenceEquals(command, exec), ExecCommand.TryParse(command, out _, out _));
            Assert.Equal(ReferenceEquals(command, cancel), CancelCommand.Is(command));
            Assert.Equal(ReferenceEquals(command, move), MoveCommand.TryParse(command, out _, out _));
            Assert.False(ExecCommand.TryParse(command.AsSpan(1), out _, out _) || CancelCommand.Is(command.AsSpan(1)));
        }
        Assert.True(ExecCommand.TryParse(exec, out int length, out bool hasTerminal));
        Assert.Equal((ExecCommand.MaxWords, false), (length, hasTerminal));
        for (int i = 0; i < exec.Length; i++)
        {
            exec[i] ^= 1;
            Assert.Equal(i == 12, ExecCommand.TryParse(exec, out _, out hasTerminal)); // of the length: one more than there may be
            Assert.Equal(i == 12, hasTerminal);
            exec[i] ^= 1;
            cancel[i] ^= 1;
            Assert.False(CancelCommand.Is(cancel), $"byte {i}");
            cancel[i] ^= 1;
        }
        ExecCommand.Emit(exec, 1);
        Assert.False(ExecCommand.TryParse(exec, out _, out _));
        ExecCommand.Emit(exec, 2, hasTerminal: true);
        Assert.True(ExecCommand.TryParse(exec, out length, out hasTerminal));
        Assert.Equal((2, true), (length, hasTerminal));
    }

    [Fact]
    public void A_frame_is_as_long_as_its_record_and_its_end_is_whole()
    {
        byte[] frame = new byte[ExecFrame.HeaderSize + 2];
        ExecFrame.Emit(frame, ExecFrameKind.Ended, 2);
        (frame[4], frame[5]) = (1, 9);
        Assert.True(ExecFrame.TryParse(frame, out var kind, out var data));
        Assert.Equal((ExecFrameKind.Ended, 1, 9), (kind, data[0], data[1]));
        Assert.False(ExecFrame.TryParse(frame.AsSpan(0, 5), out _, out _));
        frame[4] = 2;
        Assert.False(ExecFrame.TryParse(frame, out _, out _));
        foreach (byte wrong in (byte[])[0, 6, 7])
        {
            frame[0] = wrong;
            Assert.False(ExecFrame.TryParse(frame, out _, out _));
        }
        foreach (int length in (int[])[3, 4, 4 + ExecFrame.MaxTerminalType, 5 + ExecFrame.MaxTerminalType])
        {
            byte[] size = new byte[ExecFrame.HeaderSize + length];
            ExecFrame.Emit(size, ExecFrameKind.Size, length);
            Assert.Equal(length is 4 or 4 + ExecFrame.MaxTerminalType, ExecFrame.TryParse(size, out kind, out _));
            Assert.Equal(ExecFrameKind.Size, kind);
        }
        ExecFrame.Emit(frame, ExecFrameKind.Input, 2);
        frame[1] = 1;
        Assert.False(ExecFrame.TryParse(frame, out _, out _));
    }

    [Fact]
    public void An_upload_answer_is_read_back()
    {
        byte[] answer = new byte[UploadAnswer.Size];
        UploadAnswer.Emit(answer, UploadStage.KernelLoader, UploadRefusal.NotEnoughMemory, 1UL << 40);
        Assert.True(UploadAnswer.TryParse(answer, out var stage, out var refusal, out ulong detail));
        Assert.Equal((UploadStage.KernelLoader, UploadRefusal.NotEnoughMemory, 1UL << 40), (stage, refusal, detail));
        Assert.False(UploadAnswer.TryParse(answer.AsSpan(1), out _, out _, out _));
    }

    [Fact]
    public void A_kernel_bundle_header_is_read_back()
    {
        byte[] header = new byte[KernelBundle.Size], hash = new byte[20];
        hash[3] = 9;
        KernelBundle.Emit(header, 10, 20, 30, hash);
        Assert.True(KernelBundle.TryParse(header, out KernelBundle bundle));
        Assert.Equal((10u, 20u, 30u, true), (bundle.CommandLineLength, bundle.KernelLength, bundle.InitramfsLength, bundle.Hashed));
        Assert.True(bundle.Hash.SequenceEqual(hash));
        KernelBundle.Emit(header, KernelBundle.MaxCommandLine + 1, 20, 30, default);
        Assert.False(KernelBundle.TryParse(header, out _));
        KernelBundle.Emit(header, 0, 0, 0, default);
        Assert.False(KernelBundle.TryParse(header, out _));
        KernelBundle.Emit(header, 0, 1, 0, default);
        Assert.True(KernelBundle.TryParse(header, out bundle) && !bundle.Hashed);
        header[6] = 2;
        Assert.False(KernelBundle.TryParse(header, out _));
    }

    [Fact]
    public void A_checkpoint_header_is_read_back_and_measured_against_the_machine()
    {
        const ulong Entry = CheckpointHeader.DirectMap + 0x400_000;
        byte[] header = new byte[CheckpointHeader.Size];
        MachineFeatures all = MachineFeatures.Known;
        CheckpointHeader.Emit(header, CheckpointHash.Crc32CSum, MachineFeatures.VirtioNet, 0x4000, Entry, 99, [0x0A000001, 0xC0A80001]);
        Assert.Equal(CheckpointRefusal.None, CheckpointHeader.Parse(header, all, 0x4000, out CheckpointHeader read));
        Assert.Equal((CheckpointHash.Crc32CSum, MachineFeatures.VirtioNet, 0x4000u), (read.Hash, read.Features, read.Frames));
        Assert.Equal((Entry, 99ul), (read.RecoveryEntry, read.RecoveryArgument));
        Assert.Equal((0x0A000001u, 0xC0A80001u, 0u, 0u), (read.Address(0), read.Address(1), read.Address(2), read.Address(3)));
        Assert.Equal(CheckpointRefusal.NotEnoughMemory, CheckpointHeader.Parse(header, all, 0x3FFF, out _));
        Assert.Equal(CheckpointRefusal.MissingFeatures, CheckpointHeader.Parse(header, MachineFeatures.X86_64_V2, 0x4000, out _));
        foreach (ulong entry in new[] { 0ul, CheckpointHeader.DirectMap, Entry - 1, CheckpointHeader.DirectMap + 0x4000 * 4096ul, ulong.MaxValue })
        {
            CheckpointHeader.Emit(header, CheckpointHash.None, 0, 0x4000, entry, 0, []);
            Assert.Equal(CheckpointRefusal.BadEntry, CheckpointHeader.Parse(header, all, 0x4000, out _));
        }
        CheckpointHeader.Emit(header, CheckpointHash.None, (MachineFeatures)(1UL << 63), 0x4000, Entry, 0, []);
        Assert.Equal(CheckpointRefusal.MissingFeatures, CheckpointHeader.Parse(header, all, 0x4000, out _));
        CheckpointHeader.Emit(header, (CheckpointHash)2, 0, 0x4000, Entry, 0, []);
        Assert.Equal(CheckpointRefusal.BadHeader, CheckpointHeader.Parse(header, all, 0x4000, out _));
    }

    [Fact]
    public void Records_name_only_the_guests_frames()
    {
        byte[] record = new byte[CheckpointRecord.Size];
        foreach ((uint frame, CheckpointRefusal refusal) in new[]
        {
            (0u, CheckpointRefusal.FrameOutOfRange), (0x3FFu, CheckpointRefusal.FrameOutOfRange), (0x400u, CheckpointRefusal.None),
            (0xFFFu, CheckpointRefusal.None), (0x1000u, CheckpointRefusal.FrameOutOfRange), (uint.MaxValue, CheckpointRefusal.FrameOutOfRange),
        })
        {
            CheckpointRecord.Emit(record, frame, RecordFlags.Page);
            Assert.Equal(refusal, CheckpointRecord.Parse(record, 0x1000, out uint read, out _, out _));
            Assert.Equal(frame, read);
        }
        CheckpointRecord.Emit(record, CheckpointRecord.EndFrame, RecordFlags.End);
        Assert.Equal(CheckpointRefusal.None, CheckpointRecord.Parse(record, 0x1000, out _, out RecordFlags flags, out _));
        Assert.Equal(RecordFlags.End, flags);
        CheckpointRecord.Emit(record, 0x500, RecordFlags.End);
        Assert.Equal(CheckpointRefusal.BadRecord, CheckpointRecord.Parse(record, 0x1000, out _, out _, out _));
        foreach (int unknown in new[] { 3, 4, 0x7FFF, 0x8001, 0x8002 })
        {
            CheckpointRecord.Emit(record, 0x500, (RecordFlags)unknown);
            Assert.Equal(CheckpointRefusal.BadRecord, CheckpointRecord.Parse(record, 0x1000, out _, out _, out _));
        }
        CheckpointRecord.Emit(record, 0x500, RecordFlags.Lines);
        record[6] = 1;
        Assert.Equal(CheckpointRefusal.BadRecord, CheckpointRecord.Parse(record, 0x1000, out _, out _, out _));
        Assert.Equal(CheckpointRefusal.BadRecord, CheckpointRecord.Parse(record.AsSpan(0, 7), 0x1000, out _, out _, out _));
    }

    [Fact]
    public void A_record_of_zeros_names_frames_of_the_guests_only_and_others_name_one()
    {
        byte[] record = new byte[CheckpointRecord.Size];
        foreach ((uint frame, uint count, CheckpointRefusal refusal) in new[]
        {
            (0x400u, 1u, CheckpointRefusal.None), (0x400u, 0xC00u, CheckpointRefusal.None), (0xFFFu, 1u, CheckpointRefusal.None),
            (0x400u, 0xC01u, CheckpointRefusal.FrameOutOfRange), (0xFFFu, 2u, CheckpointRefusal.FrameOutOfRange),
            (0x3FFu, 2u, CheckpointRefusal.FrameOutOfRange), (0x1000u, 1u, CheckpointRefusal.FrameOutOfRange),
            (0x400u, CheckpointRecord.MaxZeros, CheckpointRefusal.FrameOutOfRange), (uint.MaxValue, CheckpointRecord.MaxZeros, CheckpointRefusal.FrameOutOfRange),
        })
        {
            CheckpointRecord.Emit(record, frame, RecordFlags.Zero, count);
            Assert.Equal(refusal, CheckpointRecord.Parse(record, 0x1000, out uint read, out RecordFlags flags, out uint named));
            Assert.Equal((frame, RecordFlags.Zero, count), (read, flags, named));
        }
        foreach (RecordFlags other in new[] { RecordFlags.Page, RecordFlags.Lines, RecordFlags.End })
        {
            CheckpointRecord.Emit(record, other == RecordFlags.End ? CheckpointRecord.EndFrame : 0x400, other, 2);
            Assert.Equal(CheckpointRefusal.BadRecord, CheckpointRecord.Parse(record, 0x1000, out _, out _, out _));
        }
    }

    [Fact]
    public void Changed_lines_put_over_the_page_before_give_the_page_after()
    {
        var random = new Random(8);
        byte[] before = new byte[CheckpointRecord.PageSize], record = new byte[CheckpointLines.MaskSize + CheckpointRecord.PageSize];
        ulong[] masks = [1, 1UL << 63, 3UL << 62, ulong.MaxValue, ulong.MaxValue - 1, ulong.MaxValue >> 1, 0x5555_5555_5555_5555, 0x8000_0000_0000_0001];
        for (int round = 0; round < 500; round++)
        {
            random.NextBytes(before);
            byte[] after = [.. before];
            ulong lines = round < masks.Length ? masks[round] : (ulong)random.NextInt64() & (ulong)random.NextInt64();
            for (int line = 0; line < 64; line++)
                if ((lines >> line & 1) != 0)
                    after[line * CheckpointLines.LineSize + random.Next(CheckpointLines.LineSize)] ^= (byte)(1 << random.Next(8));
            Assert.Equal(lines, CheckpointLines.Changed(after, before));
            int size = CheckpointLines.Emit(record, after, lines);
            Assert.Equal(CheckpointLines.Size(lines), size);
            Assert.Equal(lines == 0 ? CheckpointRefusal.BadRecord : CheckpointRefusal.None,
                CheckpointLines.Parse(record.AsSpan(0, CheckpointLines.MaskSize), out ulong read));
            int at = CheckpointLines.MaskSize;
            while (CheckpointLines.TakeRun(ref read, out int offset, out int length))
            {
                record.AsSpan(at, length).CopyTo(before.AsSpan(offset));
                at += length;
            }
            Assert.Equal(size, at);
            Assert.Equal(after, before);
        }
        Assert.Equal(0UL, CheckpointLines.Changed(before, before));
    }

    /// <summary>Whatever the mask: its runs are those of its bits, each within the page, and there is an end to them.</summary>
    [Fact]
    public void No_mask_leads_out_of_a_page()
    {
        var random = new Random(9);
        for (int round = 0; round < 10_000; round++)
        {
            ulong mask = (ulong)random.NextInt64() << random.Next(64) | (ulong)random.NextInt64() >> random.Next(64), left = mask, seen = 0;
            int last = -1;
            while (CheckpointLines.TakeRun(ref left, out int offset, out int length))
            {
                Assert.True(offset > last && length > 0 && offset % CheckpointLines.LineSize == 0 && length % CheckpointLines.LineSize == 0
                    && offset + length <= CheckpointRecord.PageSize, $"{mask:x}: {offset} {length}");
                last = offset + length;
                for (int line = offset / CheckpointLines.LineSize; line < last / CheckpointLines.LineSize; line++)
                    seen |= 1UL << line;
            }
            Assert.Equal(mask, seen);
        }
        for (int size = 0; size < 20; size++)
            if (size != CheckpointLines.MaskSize)
                Assert.Equal(CheckpointRefusal.BadRecord, CheckpointLines.Parse(Enumerable.Repeat((byte)1, size).ToArray(), out _));
    }

    [Fact]
    public void Both_sides_find_the_same_hash_whatever_the_order_and_the_last_page_wins()
    {
        var random = new Random(6);
        byte[][] pages = new byte[4][];
        for (int i = 0; i < 4; i++)
            random.NextBytes(pages[i] = new byte[4096]);
        ulong Term(uint frame, byte[] page) => CheckpointSum.Term(frame, Crc32C.Of(page));
        // The first has sent frame 0x401 twice.
        ulong sender = Term(0x401, pages[0]) + Term(0x400, pages[1]) - Term(0x401, pages[0]) + Term(0x401, pages[2]);
        ulong receiver = Term(0x401, pages[2]) + Term(0x400, pages[1]);
        Assert.Equal(sender, receiver);
        Assert.NotEqual(sender, Term(0x401, pages[1]) + Term(0x400, pages[2]));
        Assert.NotEqual(sender, Term(0x401, pages[2]) + Term(0x400, pages[3]));

        byte[] trailer = new byte[CheckpointTrailer.Size];
        CheckpointTrailer.Emit(trailer, 4, sender);
        ulong hash = receiver;
        Assert.Equal(CheckpointRefusal.None, CheckpointTrailer.Parse(trailer, 4, hash, CheckpointHash.Crc32CSum));
        Assert.Equal(CheckpointRefusal.WrongCount, CheckpointTrailer.Parse(trailer, 3, hash, CheckpointHash.Crc32CSum));
        Assert.Equal(CheckpointRefusal.WrongHash, CheckpointTrailer.Parse(trailer, 4, hash + 1, CheckpointHash.Crc32CSum));
        Assert.Equal(CheckpointRefusal.None, CheckpointTrailer.Parse(trailer, 4, hash + 1, CheckpointHash.None));
        Assert.Equal(CheckpointRefusal.BadRecord, CheckpointTrailer.Parse(trailer.AsSpan(1), 4, hash, CheckpointHash.None));
    }

    [Fact]
    public void Hand_over_records_are_read_back_and_only_a_refusal_has_a_reason()
    {
        byte[] record = new byte[HandOver.Size];
        HandOver.Emit(record, HandOverKind.Refused, CheckpointRefusal.WrongHash, 5);
        Assert.True(HandOver.TryParse(record, out var kind, out var reason, out ulong detail));
        Assert.Equal((HandOverKind.Refused, CheckpointRefusal.WrongHash, 5ul), (kind, reason, detail));
        HandOver.Emit(record, HandOverKind.Refused);
        Assert.False(HandOver.TryParse(record, out _, out _, out _));
        HandOver.Emit(record, HandOverKind.Commit, CheckpointRefusal.WrongHash);
        Assert.False(HandOver.TryParse(record, out _, out _, out _));
        HandOver.Emit(record, (HandOverKind)99);
        Assert.False(HandOver.TryParse(record, out _, out _, out _));
        Assert.False(HandOver.TryParse(record.AsSpan(1), out _, out _, out _));
    }

    /// <summary>No parser reads outside what it was given, whatever that is.</summary>
    [Fact]
    public void Random_bytes_of_any_length_break_no_parser()
    {
        var random = new Random(7);
        byte[] bytes = new byte[256];
        uint[] magics = { BootToken.Magic, Upload.Magic, UploadAnswer.Magic, KernelBundle.Magic, CheckpointHeader.Magic, HandOver.Magic };
        for (int round = 0; round < 200_000; round++)
        {
            random.NextBytes(bytes);
            if (round % 2 == 0)
                Bytes.PutLe64(bytes, 0, magics[random.Next(magics.Length)] | 1ul << 32);
            ReadOnlySpan<byte> some = bytes.AsSpan(0, random.Next(4) switch { 0 => 16, 1 => 48, 2 => 64, _ => random.Next(257) });
            BootToken.TryParse(some, out _);
            Payment.TryParse(some, out _);
            MagicReply.TryParse(some, out _);
            if (MagicPing.IsMagic(some))
                MagicPing.Parse(some, out _, out _);
            Upload.Parse(some, out _, out _);
            MoveCommand.TryParse(some, out _, out _);
            GuestEvent.TryParse(some, out _, out _, out _);
            HomeCall.TryParseRequest(some, out _);
            HomeCall.TryParseAnswer(some, out _);
            ExecCommand.TryParse(some, out _, out _);
            ExecFrame.TryParse(some, out _, out _);
            KeyModule.TryParse(some, out _);
            ChannelHello.TryParseAnswer(some, out _);
            SecureChannel.RecordSize(some);
            UploadAnswer.TryParse(some, out _, out _, out _);
            KernelBundle.TryParse(some, out _);
            CheckpointHeader.Parse(some, MachineFeatures.Known, 0x1000, out _);
            CheckpointRecord.Parse(some, 0x1000, out _, out _, out _);
            CheckpointLines.Parse(some, out _);
            CheckpointTrailer.Parse(some, 1, 1, CheckpointHash.Crc32CSum);
            HandOver.TryParse(some, out _, out _, out _);
        }
    }
}
