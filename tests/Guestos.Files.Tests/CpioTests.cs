using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Guestos.Tests;

public sealed unsafe class CpioTests
{
    private const uint Directory = 0x41ed, Regular = 0x81a4, Link = 0xa1ff;

    internal static byte[] Member(string name, uint mode, byte[] data, uint number = 0, uint links = 1)
    {
        var bytes = new List<byte>();
        byte[] nameBytes = Encoding.UTF8.GetBytes(name + "\0");
        uint[] fields = [number, mode, 0, 0, links, 1000, (uint)data.Length, 0, 0, 0, 0, (uint)nameBytes.Length, 0];
        bytes.AddRange("070701"u8);
        foreach (uint field in fields)
            bytes.AddRange(Encoding.ASCII.GetBytes(field.ToString("x8")));
        bytes.AddRange(nameBytes);
        while (bytes.Count % 4 != 0)
            bytes.Add(0);
        bytes.AddRange(data);
        while (bytes.Count % 4 != 0)
            bytes.Add(0);
        return bytes.ToArray();
    }

    private static byte[] Archive(params byte[][] members) =>
        members.Append(Member("TRAILER!!!", 0, [])).SelectMany(m => m).ToArray();

    private static byte[] Sample() => Archive(
        Member(".", Directory, []),
        Member("bin", Directory, []),
        Member("bin/busybox", Regular, Pattern(10_000), 7, 3),
        Member("bin/sh", Link, "busybox"u8.ToArray()),
        Member("etc/deep/er/file", Regular, "deep"u8.ToArray()),
        Member("empty", Regular, []));

    internal static byte[] Pattern(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    [Fact]
    public void Unpacks_directories_files_and_links()
    {
        Guest.Start(Sample());
        Assert.Equal(Pattern(10_000), Guest.ReadAll("/bin/sh"));
        Assert.Equal("deep", Guest.Get("/etc/deep/er/file"));
        Assert.Equal("", Guest.Get("/empty"));
        Assert.Equal(new[] { ".", "..", "busybox", "sh" }, Guest.List("/bin"));
        Assert.Equal(0, InitialTree.LeftOut);
    }

    [Fact]
    public void Hard_links_share_the_content_wherever_it_comes()
    {
        Guest.Start(Archive(
            Member("a", Regular, [], 5, 3), Member("b", Regular, "content"u8.ToArray(), 5, 3), Member("c", Regular, [], 5, 3),
            Member("d", Regular, "other"u8.ToArray(), 6, 1)));
        foreach (string name in new[] { "/a", "/b", "/c" })
            Assert.Equal("content", Guest.Get(name));
        Guest.Stat("/a", out FileStatus status);
        Assert.Equal(3ul, status.Links);
        Assert.Equal("other", Guest.Get("/d"));
    }

    [Fact]
    public void Link_numbers_end_with_their_archive()
    {
        byte[] one = Archive(Member("a", Regular, "one"u8.ToArray(), 5, 2));
        byte[] two = Archive(Member("b", Regular, "two"u8.ToArray(), 5, 2));
        Guest.Start([.. one, .. new byte[512], .. two]);
        Assert.Equal("one", Guest.Get("/a"));
        Assert.Equal("two", Guest.Get("/b"));
    }

    [Fact]
    public void Names_that_climb_are_left_out()
    {
        Guest.Start(Archive(
            Member("../out", Regular, "x"u8.ToArray()), Member("a/../../out", Regular, "x"u8.ToArray()), Member("/abs/./file", Regular, "y"u8.ToArray()),
            Member(new string('n', 256), Regular, []), Member(new string('n', 255), Regular, [])));
        Assert.Equal(3, InitialTree.LeftOut);
        Assert.Equal("y", Guest.Get("/abs/file"));
        Assert.Contains(new string('n', 255), Guest.List("/"));
    }

    [Fact]
    public void Later_members_replace_earlier_ones_but_never_a_directory()
    {
        Guest.Start(Archive(
            Member("a", Regular, "old"u8.ToArray()), Member("a", Regular, "new"u8.ToArray()),
            Member("d/x", Regular, []), Member("d", Regular, "file"u8.ToArray())));
        Assert.Equal("new", Guest.Get("/a"));
        Assert.Contains("x", Guest.List("/d"));
        Assert.Equal(1, InitialTree.LeftOut);
    }

    /// <summary>Every prefix and many mutations, each ending right before an unmapped page: a byte too far is a crash.</summary>
    [Fact]
    public void Damaged_archives_end_where_they_are_damaged()
    {
        byte[] whole = Sample();
        using var wall = new Wall(whole.Length);
        for (int length = 0; length < whole.Length; length += length < 700 || length > whole.Length - 400 ? 1 : 97)
        {
            byte[] cut = whole[..length];
            Guest.Start(cut, wall.Place(cut));
        }

        var random = new Random(1);
        for (int round = 0; round < 3000; round++)
        {
            byte[] bad = (byte[])whole.Clone();
            for (int i = random.Next(1, 6); i > 0; i--)
            {
                int at = random.Next(2) == 0 ? random.Next(Math.Min(bad.Length, 800)) : random.Next(bad.Length);
                bad[at] = random.Next(3) switch { 0 => (byte)random.Next(256), 1 => (byte)'f', _ => (byte)'0' };
            }

            Guest.Start(bad, wall.Place(bad));
            Guest.List("/");
        }
    }

    [Fact]
    public void A_name_of_2_GiB_is_refused()
    {
        byte[] archive = Archive(Member("a", Regular, []));
        "7fffffff"u8.CopyTo(archive.AsSpan(6 + 8 * 11));
        Guest.Start(archive);
        Assert.Equal(0, InitialTree.Taken);
    }

    [Fact]
    public void Reads_what_cpio_writes()
    {
        string directory = System.IO.Directory.CreateTempSubdirectory().FullName;
        try
        {
            System.IO.Directory.CreateDirectory(directory + "/sub/dir");
            System.IO.File.WriteAllBytes(directory + "/sub/one", Pattern(5000));
            System.IO.File.WriteAllText(directory + "/sub/dir/two", "two\n");
            System.IO.File.CreateSymbolicLink(directory + "/link", "sub/one");
            Run(directory, "ln sub/one hard; find . | cpio -o -H newc > ../" + Path.GetFileName(directory) + ".cpio 2>/dev/null");
            Guest.Start(System.IO.File.ReadAllBytes(directory + ".cpio"));
            Assert.Equal(0, InitialTree.LeftOut);
            Assert.Equal(Pattern(5000), Guest.ReadAll("/link"));
            Assert.Equal(Pattern(5000), Guest.ReadAll("/hard"));
            Assert.Equal("two\n", Guest.Get("/sub/dir/two"));
            Guest.Stat("/hard", out FileStatus status);
            Assert.Equal(2ul, status.Links);
        }
        finally
        {
            System.IO.Directory.Delete(directory, true);
            System.IO.File.Delete(directory + ".cpio");
        }
    }

    private static void Run(string directory, string command)
    {
        using System.Diagnostics.Process shell = System.Diagnostics.Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]) { WorkingDirectory = directory })!;
        shell.WaitForExit();
        Assert.Equal(0, shell.ExitCode);
    }

    /// <summary>Memory whose end is the end of what is mapped.</summary>
    private sealed class Wall : IDisposable
    {
        private readonly byte* start;
        private readonly nuint length;

        public Wall(int most)
        {
            length = ((nuint)most + 8191) & ~(nuint)4095;
            start = (byte*)mmap(null, length, 3, 0x22, -1, 0);
            Assert.Equal(0, mprotect(start + length - 4096, 4096, 0));
        }

        public byte* Place(byte[] bytes)
        {
            byte* at = start + length - 4096 - bytes.Length;
            bytes.CopyTo(new Span<byte>(at, bytes.Length));
            return at;
        }

        public void Dispose() => munmap(start, length);

        [DllImport("libc")] private static extern void* mmap(void* at, nuint length, int protection, int flags, int descriptor, nint offset);
        [DllImport("libc")] private static extern int mprotect(void* at, nuint length, int protection);
        [DllImport("libc")] private static extern int munmap(void* at, nuint length);
    }
}
