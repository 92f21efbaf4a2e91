using System;
using System.Linq;
using Xunit;

namespace Guestos.Tests;

public sealed unsafe class NameTests
{
    [Theory]
    [InlineData("/d/f", 0)]
    [InlineData("//d///f", 0)]
    [InlineData("/d/./../d/f", 0)]
    [InlineData("/../../d/f", 0)]
    [InlineData("/d/f/", Errno.ENOTDIR)]
    [InlineData("/d/f/x", Errno.ENOTDIR)]
    [InlineData("/d/f/..", Errno.ENOTDIR)]
    [InlineData("/d/none", Errno.ENOENT)]
    [InlineData("/none/f", Errno.ENOENT)]
    [InlineData("", Errno.ENOENT)]
    [InlineData("/", 0)]
    [InlineData("/d/", 0)]
    [InlineData(".", 0)]
    [InlineData("d/l/f", 0)]
    [InlineData("/d/abs", 0)]
    [InlineData("/d/dangling", Errno.ENOENT)]
    [InlineData("/loop", Errno.ELOOP)]
    [InlineData("/loop/x", Errno.ELOOP)]
    public void Paths_lead_where_they_should(string path, long expected)
    {
        Guest.Start();
        Guest.Mkdir("/d");
        Guest.Put("/d/f", "x");
        Guest.Symlink(".", "/d/l");
        Guest.Symlink("/d/f", "/d/abs");
        Guest.Symlink("nowhere", "/d/dangling");
        Guest.Symlink("loop", "/loop");
        Assert.Equal(expected, Guest.Stat(path, out _));
        Guest.Stop();
    }

    [Fact]
    public void Lengths_are_bounded()
    {
        Guest.Start();
        string longest = new('a', 255);
        Assert.Equal(0, Guest.Mkdir("/" + longest));
        Assert.Equal(Errno.ENAMETOOLONG, Guest.Mkdir("/" + longest + "a"));
        string path = string.Concat(Enumerable.Repeat("/.", 2047)) + "/";   // 4095 bytes
        Assert.Equal(0, Guest.Stat(path, out _));
        Assert.Equal(Errno.ENAMETOOLONG, Guest.Stat(path + ".", out _));
        Guest.Stop();
    }

    [Theory]
    [InlineData(40, 0)]
    [InlineData(41, Errno.ELOOP)]
    public void Forty_links_are_followed(int links, long expected)
    {
        Guest.Start();
        Guest.Put("/l0", "end");
        for (int i = 1; i <= links; i++)
            Guest.Symlink($"l{i - 1}", $"/l{i}");
        Assert.Equal(expected, Guest.Stat($"/l{links}", out _));
        Guest.Stop();
    }

    [Fact]
    public void A_link_that_makes_the_path_too_long_is_refused()
    {
        Guest.Start();
        Guest.Symlink(new string('/', 4000) + ".", "/l");
        Assert.Equal(0, Guest.Stat("/l/.", out _));
        Assert.Equal(Errno.ENAMETOOLONG, Guest.Stat("/l" + new string('/', 200), out _));
        Guest.Stop();
    }

    [Fact]
    public void The_last_link_is_followed_only_when_asked()
    {
        Guest.Start();
        Guest.Mkdir("/d");
        Guest.Symlink("d", "/l");
        Guest.Stat("/l", out FileStatus status, follow: false);
        Assert.Equal((uint)InodeType.LNK, status.Mode & 0xf000);
        Guest.Stat("/l/", out status, follow: false);
        Assert.Equal((uint)InodeType.DIR, status.Mode & 0xf000);
        Assert.Equal(Errno.ELOOP, Guest.Open("/l", OpenFlags.NOFOLLOW));
        Assert.Equal(Errno.EEXIST, Guest.Open("/l", OpenFlags.CREAT | OpenFlags.EXCL));
        Guest.Stop();
    }

    [Fact]
    public void Creating_through_a_dangling_link_makes_the_target()
    {
        Guest.Start();
        Guest.Symlink("target", "/l");
        Assert.Equal(3, Guest.Put("/l", "abc"));
        Assert.Equal("abc", Guest.Get("/target"));
        Guest.Stop();
    }

    private static long Rename(string from, string to, ulong flags = 0) => FileCalls.Renameat2(Guest.Here, Guest.Text(from), Guest.Here, Guest.Text(to), flags);

    [Theory]
    [InlineData("/f", "/g", 0, 0)]              // over a file
    [InlineData("/f", "/new", 0, 0)]
    [InlineData("/f", "/d", 0, Errno.EISDIR)]
    [InlineData("/d", "/f", 0, Errno.ENOTDIR)]
    [InlineData("/d", "/empty", 0, 0)]
    [InlineData("/empty", "/d", 0, Errno.ENOTEMPTY)]
    [InlineData("/d", "/d/sub/x", 0, Errno.EINVAL)]
    [InlineData("/d", "/d", 0, 0)]
    [InlineData("/f", "/hard", 0, 0)]           // two names of one file: nothing happens
    [InlineData("/none", "/x", 0, Errno.ENOENT)]
    [InlineData("/f", "/new/", 0, Errno.ENOTDIR)]
    [InlineData("/f/", "/new", 0, Errno.ENOTDIR)]
    [InlineData("/d/.", "/x", 0, Errno.EBUSY)]
    [InlineData("/d", "/..", 0, Errno.EBUSY)]
    [InlineData("/f", "/g", 1, Errno.EEXIST)]
    [InlineData("/f", "/new", 1, 0)]
    [InlineData("/f", "/d", 2, 0)]
    [InlineData("/f", "/new", 2, Errno.ENOENT)]
    [InlineData("/d/sub", "/d", 2, Errno.EINVAL)]
    [InlineData("/f", "/g", 3, Errno.EINVAL)]
    [InlineData("/f", "/dev/x", 0, Errno.EXDEV)]
    [InlineData("/dev", "/x", 0, Errno.EXDEV)]
    public void Rename_follows_the_rules(string from, string to, ulong flags, long expected)
    {
        Guest.Start();
        Guest.Put("/f", "f");
        Guest.Put("/g", "g");
        Guest.Mkdir("/d");
        Guest.Mkdir("/d/sub");
        Guest.Mkdir("/empty");
        FileCalls.Link(Guest.Text("/f"), Guest.Text("/hard"));
        long result = Rename(from, to, flags);
        if (to == "/dev/x" || from == "/dev")
            Assert.True(result is Errno.EXDEV or Errno.EBUSY);
        else
            Assert.Equal(expected, result);
        Guest.Stop();
    }

    [Fact]
    public void Renaming_moves_content_names_and_links()
    {
        Guest.Start();
        Guest.Mkdir("/a");
        Guest.Mkdir("/b");
        Guest.Put("/a/f", "content");
        Guest.Stat("/a", out FileStatus before);
        Assert.Equal(0, Rename("/a", "/b/c"));
        Assert.Equal("content", Guest.Get("/b/c/f"));
        Guest.Stat("/b/c", out FileStatus after);
        Assert.Equal(before.Number, after.Number);
        Assert.Equal(2ul, after.Links);
        Guest.Stat("/b", out after);
        Assert.Equal(3ul, after.Links);
        FileCalls.Chdir(Guest.Text("/b/c"));
        Assert.Equal("/b/c", Guest.WorkingDirectory());
        Rename("/b", "/z");
        Assert.Equal("/z/c", Guest.WorkingDirectory());
        Guest.Stop();
    }

    [Fact]
    public void What_is_unlinked_lives_while_it_is_open()
    {
        Guest.Start();
        Guest.Put("/f", "still here");
        long descriptor = Guest.Open("/f");
        Assert.Equal(0, FileCalls.Unlink(Guest.Text("/f")));
        Assert.Equal(Errno.ENOENT, Guest.Stat("/f", out _));
        ulong buffer = Guest.Room(100);
        Assert.Equal(10, FileCalls.Read((ulong)descriptor, buffer, 100));
        Guest.Stop();
    }

    [Fact]
    public void A_removed_working_directory_is_nowhere()
    {
        Guest.Start();
        Guest.Mkdir("/d");
        FileCalls.Chdir(Guest.Text("/d"));
        Assert.Equal(0, FileCalls.Rmdir(Guest.Text("/d")));
        Assert.Equal($"{Errno.ENOENT}", Guest.WorkingDirectory());
        Assert.Equal(Errno.ENOENT, Guest.Put("f", "x"));
        Assert.Equal(0, Guest.Stat(".", out FileStatus status));
        Assert.Equal(0ul, status.Links);
        Guest.Stop();
    }

    [Fact]
    public void Removing_directories()
    {
        Guest.Start();
        Guest.Mkdir("/d");
        Guest.Mkdir("/d/e");
        Assert.Equal(Errno.ENOTEMPTY, FileCalls.Rmdir(Guest.Text("/d")));
        Assert.Equal(Errno.EINVAL, FileCalls.Rmdir(Guest.Text("/d/e/.")));
        Assert.Equal(Errno.ENOTEMPTY, FileCalls.Rmdir(Guest.Text("/d/e/..")));
        Assert.Equal(Errno.EISDIR, FileCalls.Unlink(Guest.Text("/d/e")));
        Assert.Equal(Errno.EBUSY, FileCalls.Rmdir(Guest.Text("/dev")));
        Assert.Equal(Errno.EBUSY, FileCalls.Rmdir(Guest.Text("/")));
        Assert.Equal(0, FileCalls.Rmdir(Guest.Text("/d/e/")));
        Assert.Equal(0, FileCalls.Rmdir(Guest.Text("/d")));
        Guest.Stop();
    }

    [Fact]
    public void Mounts_cover_and_uncover()
    {
        Guest.Start();
        Guest.Mkdir("/m");
        Guest.Put("/m/under", "x");
        long Mount(string type) => FileCalls.Mount(Guest.Text("none"), Guest.Text("/m"), Guest.Text(type), 0, 0);
        Assert.Equal(Errno.ENODEV, Mount("ext4"));
        Assert.Equal(0, Mount("tmpfs"));
        Assert.DoesNotContain("under", Guest.List("/m"));
        Guest.Mkdir("/m/d");
        Guest.Put("/m/d/f", "y");
        Assert.Equal(Errno.EXDEV, Rename("/m/d/f", "/f"));
        FileCalls.Chdir(Guest.Text("/m/d"));
        Assert.Equal("/m/d", Guest.WorkingDirectory());
        Assert.Equal(0, Guest.Stat("../../m/under/../d", out _) == Errno.ENOENT ? 0 : 1);
        Assert.Equal(Errno.EBUSY, FileCalls.Umount2(Guest.Text("/m"), 0));
        FileCalls.Chdir(Guest.Text("/"));
        long open = Guest.Open("/m/d/f");
        Assert.Equal(Errno.EBUSY, FileCalls.Umount2(Guest.Text("/m"), 0));
        FileCalls.Close((ulong)open);
        Assert.Equal(0, FileCalls.Umount2(Guest.Text("/m"), 0));
        Assert.Equal(Errno.EINVAL, FileCalls.Umount2(Guest.Text("/m"), 0));
        Assert.Contains("under", Guest.List("/m"));
        Assert.Equal(0, FileCalls.Mount(Guest.Text("none"), Guest.Text("/m"), Guest.Text("tmpfs"), Mounts.ReadOnlyFlag, 0));
        Assert.Equal(Errno.EROFS, Guest.Put("/m/x", "x"));
        Assert.Equal(Errno.EROFS, Guest.Mkdir("/m/x"));
        Guest.Stop();
    }

    /// <summary>Listing while names come and go: what stays is seen exactly once.</summary>
    [Fact]
    public void Directories_can_change_while_they_are_read()
    {
        Guest.Start();
        Guest.Mkdir("/d");
        for (int i = 0; i < 200; i++)
            Guest.Put($"/d/{i}", "");
        long descriptor = Guest.Open("/d");
        ulong buffer = Guest.Room(256);
        var seen = new System.Collections.Generic.List<string>();
        int removed = 0;
        long count;
        while ((count = FileCalls.Getdents64((ulong)descriptor, buffer, 256)) > 0)
        {
            for (byte* at = (byte*)buffer; at < (byte*)buffer + count; at += *(ushort*)(at + 16))
                seen.Add(System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)(at + 19))!);
            if (removed == 50)
                continue;   // a reader that adds an entry for each that it reads would not end
            FileCalls.Unlink(Guest.Text($"/d/{removed}"));
            FileCalls.Unlink(Guest.Text($"/d/{199 - removed}"));
            Guest.Put($"/d/{removed++}", "");
        }

        for (int i = removed; i < 200 - removed; i++)
            Assert.Single(seen, i.ToString());
        Assert.All(Enumerable.Range(0, removed), i => Assert.InRange(seen.Count(n => n == i.ToString()), 1, 2));
        Guest.Stop();
    }

    [Fact]
    public void A_directory_record_that_does_not_fit_is_EINVAL()
    {
        Guest.Start();
        long descriptor = Guest.Open("/");
        Assert.Equal(Errno.EINVAL, FileCalls.Getdents64((ulong)descriptor, Guest.Room(16), 16));
        Assert.Equal(Errno.EFAULT, FileCalls.Getdents64((ulong)descriptor, 16, 4096));
        Guest.Stop();
    }

    [Fact]
    public void Links_are_counted_and_directories_have_none()
    {
        Guest.Start();
        Guest.Put("/f", "x");
        Assert.Equal(0, FileCalls.Link(Guest.Text("/f"), Guest.Text("/g")));
        Assert.Equal(Errno.EEXIST, FileCalls.Link(Guest.Text("/f"), Guest.Text("/g")));
        Assert.Equal(Errno.EPERM, FileCalls.Link(Guest.Text("/dev"), Guest.Text("/h")));
        Guest.Stat("/g", out FileStatus status);
        Assert.Equal(2ul, status.Links);
        FileCalls.Unlink(Guest.Text("/f"));
        Assert.Equal("x", Guest.Get("/g"));
        Guest.Stop();
    }

    [Fact]
    public void Names_in_proc_and_dev()
    {
        Guest.Start();
        Guest.Mkdir("/proc");
        Assert.Equal(0, FileCalls.Mount(Guest.Text("proc"), Guest.Text("/proc"), Guest.Text("proc"), 0, 0));
        Assert.Equal("words\n", Guest.Get("/proc/cmdline"));
        Assert.StartsWith("1 (", Guest.Get("/proc/self/stat"));
        Assert.StartsWith("1 (", Guest.Get("/proc/self/../1/stat"));
        Assert.Contains("stat", Guest.List("/proc/1", 128));
        Assert.Contains("1", Guest.List("/proc", 128));
        Assert.Equal(Errno.ENOENT, Guest.Stat("/proc/2", out _));
        Assert.Equal(Errno.ENOENT, Guest.Stat("/proc/01", out _));
        Assert.Equal(Errno.EACCES, Guest.Mkdir("/proc/x"));
        Assert.Equal(Errno.EACCES, FileCalls.Unlink(Guest.Text("/proc/stat")));
        FileCalls.Chdir(Guest.Text("/proc/self/fd"));
        Assert.Equal("/proc/1/fd", Guest.WorkingDirectory());
        Assert.Equal(0, Guest.Stat("../../uptime", out _));
        Guest.Put("/f", "through the link");
        long descriptor = Guest.Open("/f");
        Assert.Equal("through the link", Guest.Get($"/proc/self/fd/{descriptor}"));
        Assert.Equal("through the link", Guest.Get($"/dev/fd/{descriptor}"));
        Assert.Equal(Errno.ENXIO, Guest.Open("/dev/tty"));
        Guest.Stop();
    }

    [Fact]
    public void Bad_pointers_are_EFAULT()
    {
        Guest.Start();
        Assert.Equal(Errno.EFAULT, FileCalls.Open(0, 0, 0));
        Assert.Equal(Errno.EFAULT, FileCalls.Stat(Guest.Text("/"), 0));
        Assert.Equal(Errno.EFAULT, FileCalls.Pipe(0));
        Assert.Equal(Errno.EFAULT, FileCalls.Readlink(0, 0, 10));
        Assert.Equal(Errno.EBADF, FileCalls.Read(99, 0, 10));
        Assert.Equal(Errno.EBADF, FileCalls.Read(ulong.MaxValue, 0, 10));
        long descriptor = Guest.Open("/f", OpenFlags.CREAT | OpenFlags.RDWR);
        Assert.Equal(Errno.EFAULT, FileCalls.Write((ulong)descriptor, 1, 10));
        Guest.Write(descriptor, new byte[10]);
        FileCalls.Lseek((ulong)descriptor, 0, 0);
        Assert.Equal(Errno.EFAULT, FileCalls.Read((ulong)descriptor, 1, 10));
        Guest.Stop();
    }
}
