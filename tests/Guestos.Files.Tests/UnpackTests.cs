using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using Xunit;

namespace Guestos.Tests;

/// <summary>gzip and Zstandard against those who write them: .NET's own compressor, the gzip and the zstd program.</summary>
public sealed unsafe class UnpackTests
{
    private struct Collector : IByteSink
    {
        public List<byte> Bytes;
        public int MaxBytes;

        public readonly bool Take(ReadOnlySpan<byte> bytes)
        {
            Bytes.AddRange(bytes);
            return Bytes.Count <= MaxBytes;
        }
    }

    private static UnpackResult Unpack(byte[] input, out byte[] output, out int used, int most = int.MaxValue, ulong frames = 8192)
    {
        Shortage.Leave(frames);
        long before = Shortage.InUse;
        var sink = new Collector { Bytes = [], MaxBytes = most };
        used = 0;
        UnpackResult result = Gzip.Is(input) ? Gzip.Run(input, ref used, ref sink) : Zstandard.Is(input) ? Zstandard.Run(input, ref used, ref sink) : UnpackResult.Damaged;
        output = sink.Bytes.ToArray();
        Assert.Equal(before, Shortage.InUse);
        return result;
    }

    /// <summary>Contents that make compressors use all they have.</summary>
    private static byte[] Sample(string kind)
    {
        var random = new Random(7);
        var bytes = new List<byte>();
        switch (kind)
        {
            case "empty": break;
            case "one": bytes.Add(42); break;
            case "zeros": bytes.AddRange(new byte[400_000]); break;
            case "noise":
                var noise = new byte[300_000];
                random.NextBytes(noise);
                bytes.AddRange(noise);
                break;
            case "words":
                while (bytes.Count < 500_000)
                    bytes.AddRange(Encoding.ASCII.GetBytes($"{(random.Next(3) == 0 ? "the" : "a")} {new string((char)('a' + random.Next(26)), random.Next(1, 9))} {random.Next(1000)}\n"));
                break;
            case "skewed":
                while (bytes.Count < 200_000)
                    bytes.Add((byte)Math.Min(255, -Math.Log(random.NextDouble()) * 12));
                break;
            case "far":
                var block = new byte[70_000];
                for (int i = 0; i < 40; i++)
                {
                    if (i % 3 == 0)
                        random.NextBytes(block);
                    bytes.AddRange(block);
                    bytes.AddRange(Encoding.ASCII.GetBytes(new string('=', random.Next(300))));
                }

                break;
            case "program": bytes.AddRange(System.IO.File.ReadAllBytes("/bin/busybox").Take(900_000)); break;
        }

        return bytes.ToArray();
    }

    public static readonly TheoryData<string> Samples = ["empty", "one", "zeros", "noise", "words", "skewed", "far", "program"];

    private static byte[] Filter(string command, byte[] input)
    {
        using System.Diagnostics.Process process = System.Diagnostics.Process.Start(
            new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        var output = new MemoryStream();
        System.Threading.Tasks.Task reading = process.StandardOutput.BaseStream.CopyToAsync(output);
        process.StandardInput.BaseStream.Write(input);
        process.StandardInput.Close();
        reading.Wait();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output.ToArray();
    }

    /// <summary>The same through a file, whose size the compressor then knows.</summary>
    private static byte[] Zstd(string options, byte[] input)
    {
        string path = Path.GetTempFileName();
        try
        {
            System.IO.File.WriteAllBytes(path, input);
            return Filter($"zstd {options} -c {path}", []);
        }
        finally
        {
            System.IO.File.Delete(path);
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Gzip_gives_back_what_was_compressed(string kind)
    {
        byte[] content = Sample(kind);
        foreach (CompressionLevel level in Enum.GetValues<CompressionLevel>())
        {
            var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, level))
                gzip.Write(content);
            if (content.Length > 0)
                Whole(packed.ToArray(), content);
        }

        foreach (string command in (string[])["gzip -1", "gzip -9"])
            Whole(Filter(command, content), content);
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Zstandard_gives_back_what_was_compressed(string kind)
    {
        byte[] content = Sample(kind);
        foreach (string command in (string[])["zstd -1", "zstd -3 --no-check", "zstd -19", "zstd --fast=5", "zstd -22 --ultra --zstd=wlog=23", "zstd -5 --zstd=wlog=10"])
            Whole(Filter(command, content), content);
        foreach (string options in (string[])["-3", "-19 --zstd=wlog=23", "-9 --no-check --zstd=wlog=23"])
            Whole(Zstd(options, content), content);
    }

    private static void Whole(byte[] packed, byte[] content)
    {
        Assert.Equal(UnpackResult.Done, Unpack([.. packed, 1, 2, 3], out byte[] output, out int used));
        Assert.Equal(packed.Length, used);
        Assert.Equal(content, output);
    }

    [Fact]
    public void All_parts_of_a_gzip_header_are_passed_over()
    {
        byte[] plain = Filter("gzip -n", "content"u8.ToArray());
        byte[] header = [0x1f, 0x8b, 8, 4 | 8 | 16 | 2, 1, 2, 3, 4, 0, 3, 3, 0, 9, 9, 9, .. "name\0"u8, .. "comment\0"u8];
        // The lower half of the CRC-32 (RFC 1952 §2.3.1), which gzip itself computes for its trailer.
        byte[] packed = Filter("gzip -n", header);
        ushort sum = BitConverter.ToUInt16(packed, packed.Length - 8);
        Whole([.. header, (byte)sum, (byte)(sum >> 8), .. plain[10..]], "content"u8.ToArray());
        Assert.Equal(UnpackResult.Damaged, Unpack([.. header, (byte)(sum ^ 1), (byte)(sum >> 8), .. plain[10..]], out _, out _));
        Assert.Equal(UnpackResult.Damaged, Unpack([0x1f, 0x8b, 8, 0x20, .. plain[4..]], out _, out _));
        Assert.Equal(UnpackResult.Damaged, Unpack([0x1f, 0x8b, 7, .. plain[3..]], out _, out _));
        plain[^1] ^= 1;
        Assert.Equal(UnpackResult.Damaged, Unpack(plain, out _, out _));
    }

    [Fact]
    public void Frames_that_ask_for_too_much_are_refused()
    {
        Assert.Equal(UnpackResult.NotSupported, Unpack(Filter("zstd -22 --ultra --zstd=wlog=25", Sample("noise")), out _, out _));
        Assert.Equal(UnpackResult.NotSupported, Unpack([0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 10, 0, 0, 0, 0], out _, out _));    // a dictionary
        Assert.Equal(UnpackResult.Damaged, Unpack([0x28, 0xb5, 0x2f, 0xfd, 0x28, 10, 0, 0, 0, 0], out _, out _));    // a reserved bit
        Assert.Equal(UnpackResult.Done, Unpack([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3, 4], out _, out int used));    // to be passed over
        Assert.Equal(11, used);
        Shortage.Leave(100);
        var sink = new Collector { Bytes = [], MaxBytes = int.MaxValue };
        int at = 0;
        Assert.Equal(UnpackResult.NoMemory, Zstandard.Run(Filter("zstd -19", Sample("far")), ref at, ref sink));
    }

    public static readonly TheoryData<string> Commands = ["gzip -6", "gzip -1", "zstd -3 --zstd=wlog=18", "zstd -19 --zstd=wlog=14", "zstd -1 --no-check --zstd=wlog=18"];

    [Theory]
    [MemberData(nameof(Commands))]
    public void What_is_cut_is_cut(string command)
    {
        byte[] content = [.. Sample("words")[..20_000], .. Sample("noise")[..500], .. Sample("skewed")[..20_000]];
        byte[] packed = Filter(command, content);
        for (int length = 4; length < packed.Length; length += length < 300 || length > packed.Length - 60 ? 1 : 137)
        {
            UnpackResult result = Unpack(packed[..length], out byte[] output, out _);
            Assert.Equal(UnpackResult.Cut, result);
            Assert.Equal(content.AsSpan(0, output.Length).ToArray(), output);
        }
    }

    /// <summary>Whatever bytes come: an answer, no byte beyond a bound, no memory kept. With a checksum, never another content.</summary>
    [Theory]
    [MemberData(nameof(Commands))]
    public void Mutations_are_answered(string command)
    {
        var random = new Random(command.Length);
        byte[] content = [.. Sample("words")[..6_000], .. Sample("noise")[..200], .. Sample("skewed")[..6_000], .. Sample("zeros")[..3_000]];
        byte[] whole = Filter(command, content);
        int wrong = 0;
        for (int round = 0; round < 1_000; round++)
        {
            byte[] bad = (byte[])whole.Clone();
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                int at = random.Next(2) == 0 ? random.Next(4, Math.Min(bad.Length, 200)) : random.Next(4, bad.Length);
                bad[at] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)(bad[at] ^ 1 << random.Next(8));
            }

            UnpackResult result = Unpack(bad, out byte[] output, out int used, most: 4_000_000, frames: 400);
            Assert.InRange(used, 0, bad.Length);
            if (result == UnpackResult.Done && !output.SequenceEqual(content))
                wrong++;
        }

        Assert.True(wrong == 0 || command.Contains("--no-check", StringComparison.Ordinal), $"{wrong} times another content was taken for whole");
    }

    // ---- archives ----

    private static byte[] Archive(string name, int length, byte fill) => [
        .. CpioTests.Member($"dir-{name}", 0x41ed, []),
        .. CpioTests.Member($"dir-{name}/{name}", 0x81a4, Enumerable.Repeat(fill, length).ToArray()),
        .. CpioTests.Member($"dir-{name}/link", 0xa1ff, Encoding.UTF8.GetBytes(name)),
        .. CpioTests.Member($"dir-{name}/first", 0x81a4, [], 5, 2),
        .. CpioTests.Member($"dir-{name}/second", 0x81a4, Encoding.UTF8.GetBytes("shared " + name), 5, 2),
        .. CpioTests.Member("TRAILER!!!", 0, [])];

    private static void Holds(string name, int length, byte fill)
    {
        Assert.Equal(Enumerable.Repeat(fill, length).ToArray(), Guest.ReadAll($"/dir-{name}/link"));
        Assert.Equal("shared " + name, Guest.Get($"/dir-{name}/first"));
        Assert.Equal("shared " + name, Guest.Get($"/dir-{name}/second"));
        Guest.Stat($"/dir-{name}/first", out FileStatus status);
        Assert.Equal(2ul, status.Links);
    }

    [Fact]
    public void Archives_follow_each_other_compressed_or_not()
    {
        byte[] plain = Archive("plain", 10_001, 1), zipped = Filter("gzip -9", Archive("zipped", 70_003, 2)),
            packed = Filter("zstd -19", [.. Archive("packed", 200_002, 3), .. new byte[512], .. Archive("with-it", 7, 4)]);
        foreach (int[] order in (int[][])[[0, 1, 2], [2, 1, 0], [1, 0, 2]])
        {
            byte[][] parts = [[.. plain, .. new byte[4]], [.. zipped, .. new byte[(4 - zipped.Length % 4) % 4 + 508]], [.. packed, .. new byte[(4 - packed.Length % 4) % 4]]];
            Guest.Start(order.SelectMany(i => parts[i]).ToArray());
            Assert.Equal("", Console.Text);
            Holds("plain", 10_001, 1);
            Holds("zipped", 70_003, 2);
            Holds("packed", 200_002, 3);
            Holds("with-it", 7, 4);
        }

        Guest.Start([.. zipped, .. packed]);
        Holds("packed", 200_002, 3);
        Assert.False(InitialTree.KeepsArchive);
        Guest.Start(Filter("gzip", plain));
        Holds("plain", 10_001, 1);
        Guest.Stop();
    }

    [Fact]
    public void What_is_wrong_with_an_archive_is_one_sentence()
    {
        byte[] plain = Archive("a", 5_000, 1), zipped = Filter("gzip", plain), packed = Filter("zstd -c", plain);
        Says("", true, plain);
        Says("", true, [.. plain, .. new byte[1000]]);
        Says("initramfs: the archive is cut off, at byte 116\n", false, plain[..3_000]);
        Says("initramfs: the archive is cut off, at byte 0\n", false, plain[..60]);
        Says("initramfs: the archive is damaged, at byte 116\n", false, Changed(plain, 130, (byte)'x'));
        Says($"initramfs: what follows the last archive is none, and is not looked at, from byte {plain.Length}\n", true, [.. plain, .. "garbage"u8]);
        Says("initramfs: it is neither a cpio (newc) archive nor one compressed by gzip or zstd, at byte 0\n", false, "garbage"u8.ToArray());
        Says("initramfs: it is neither a cpio (newc) archive nor one compressed by gzip or zstd, at byte 0\n", false, Filter("xz -c 2>/dev/null || printf '\\3757zXZ'", plain));
        Says("initramfs: the compressed archive is cut off, at byte 0\n", false, zipped[..^9]);
        Says("initramfs: the compressed archive is cut off, at byte 0\n", false, packed[..^1]);
        Says($"initramfs: the compressed archive is cut off, at byte {zipped.Length}\n", false, [.. zipped, .. packed[..20]]);
        Says("initramfs: the compressed data are damaged, at byte 0\n", false, Changed(zipped, zipped.Length - 6, 99));
        Says("initramfs: the compressed data are damaged, at byte 0\n", false, Changed(packed, packed.Length - 2, 99));
        Says("initramfs: what is compressed is no cpio (newc) archive, or a damaged one, at byte 0\n", false, Filter("gzip", Sample("words")[..1000]));
        Says("initramfs: what is compressed is no cpio (newc) archive, or a damaged one, at byte 0\n", false, Filter("gzip", Changed(plain, 130, (byte)'x')));
        Says("initramfs: the archive in the compressed data is cut off, at byte 0\n", false, Filter("zstd", plain[..3_000]));
        Says("initramfs: members left out because of their names or types: 1\n", true, CpioTests.Member("../up", 0x81a4, []));
        Says("initramfs: there is no memory for its files, at byte 0\n", false, Filter("gzip", Archive("large", 40_000_000, 5)));
        Guest.Start();
        Guest.Stop();
    }

    private static byte[] Changed(byte[] bytes, int at, byte value)
    {
        byte[] changed = (byte[])bytes.Clone();
        changed[at] = value;
        return changed;
    }

    private static void Says(string expected, bool whole, byte[] archive)
    {
        Guest.Start(archive);
        Assert.Equal(expected, Console.Text);
        Assert.Equal(whole, Guest.Whole);
    }
}
