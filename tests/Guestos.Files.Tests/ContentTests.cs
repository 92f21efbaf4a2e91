using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Guestos.Tests;

public sealed unsafe class ContentTests
{
    /// <summary>Random reads, writes, cuts and holes of a file over its archived content, against an array.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Behaves_like_an_array(int seed)
    {
        var random = new Random(seed);
        byte[] original = CpioTests.Pattern(random.Next(1, 30_000));
        byte[] archive = [.. CpioTests.Member("f", 0x81a4, original), .. CpioTests.Member("TRAILER!!!", 0, [])];
        Guest.Start(archive);
        long framesBefore = Shortage.InUse;
        var model = original.ToList();
        ulong descriptor = (ulong)Guest.Open("/f", OpenFlags.RDWR);
        ulong buffer = Guest.Room(100_000);
        for (int step = 0; step < 600; step++)
        {
            int offset = random.Next(60_000), length = random.Next(random.Next(2) == 0 ? 100 : 20_000);
            switch (random.Next(6))
            {
                case 0 or 1:
                    var data = new byte[length];
                    random.NextBytes(data);
                    Assert.Equal(length, FileCalls.Pwrite64(descriptor, Guest.Bytes(data), (ulong)length, (ulong)offset));
                    if (length == 0)
                        break;
                    while (model.Count < offset + length)
                        model.Add(0);
                    for (int i = 0; i < length; i++)
                        model[offset + i] = data[i];
                    break;
                case 2 or 3:
                    long count = FileCalls.Pread64(descriptor, buffer, (ulong)length, (ulong)offset);
                    byte[] expected = model.Skip(offset).Take(length).ToArray();
                    Assert.Equal(expected, new Span<byte>((void*)buffer, (int)count).ToArray());
                    break;
                case 4:
                    Assert.Equal(0, FileCalls.Ftruncate(descriptor, (ulong)offset));
                    while (model.Count < offset)
                        model.Add(0);
                    model.RemoveRange(offset, model.Count - offset);
                    break;
                default:
                    Assert.Equal(0, FileCalls.Fallocate(descriptor, 3, (ulong)offset, (ulong)length + 1));
                    for (int i = offset; i < Math.Min(model.Count, offset + length + 1); i++)
                        model[i] = 0;
                    break;
            }

            Guest.Stat("/f", out FileStatus status);
            Assert.Equal(model.Count, status.Size);
        }

        Assert.Equal(model, Guest.ReadAll("/f"));
        FileCalls.Close(descriptor);
        FileCalls.Unlink(Guest.Text("/f"));
        Assert.True(Shortage.InUse <= framesBefore + 8, $"{Shortage.InUse} frames in use, {framesBefore} before");
        Guest.Stop();
    }

    [Fact]
    public void A_full_machine_is_ENOSPC_and_recovers()
    {
        Guest.Start();
        long descriptor = Guest.Open("/f", OpenFlags.CREAT | OpenFlags.WRONLY);
        var data = new byte[1 << 20];
        long total = 0, result;
        while ((result = Guest.Write(descriptor, data)) > 0)
            total += result;
        Assert.Equal(Errno.ENOSPC, result);
        Assert.InRange(total, 16 << 20, 32 << 20);
        Assert.True(Frames.Free > 100);
        Shortage.Leave(Frames.Free - FileContent.FreeFrames); // a page and what leads to it do not go into the last one
        Assert.Equal(Errno.ENOSPC, Guest.Mkdir("/d"));
        FileCalls.Close((ulong)descriptor);
        FileCalls.Unlink(Guest.Text("/f"));
        Vfs.FreeDead();
        Assert.Equal(0, Guest.Mkdir("/d"));
        Assert.Equal(4, Guest.Put("/g", "fits"));
        Guest.Stop();
    }

    /// <summary>
    /// A page fault reads one page while it holds an entry of a page table: others have no turn then, at the file's last and incomplete page
    /// neither. Between two pages they have it.
    /// </summary>
    [Fact]
    public void Others_have_a_turn_between_two_pages_of_a_file_and_not_behind_one()
    {
        Guest.Start();
        Guest.Put("/f", new string('a', 2 * Frames.Size + 100));
        File* file = FileTable.Get(FileContext.TableOf(Process.Current), (ulong)Guest.Open("/f"));
        byte* to = (byte*)Guest.Room(4 * Frames.Size);
        delegate*<void> yield = Preemption.Yield;
        Preemption.Yield = &CountTurn;
        try
        {
            Assert.True(Preemption.IsDue);
            for (ulong page = 0; page < 3; page++)
                Assert.Equal((page < 2 ? Frames.Size : 100, 0), Read(file, page, Frames.Size, to));
            Assert.Equal((Frames.Size + 100, 1), Read(file, 1, 3 * Frames.Size, to));
        }
        finally
        {
            Preemption.Yield = yield;
            FileCalls.Close(0);
            Guest.Stop();
        }
    }

    private static int s_turns;

    private static void CountTurn() => s_turns++;

    /// <summary>As a page fault reads: what it gets, and how often others had a turn.</summary>
    private static (long Bytes, int Turns) Read(File* file, ulong page, ulong count, byte* to)
    {
        s_turns = 0;
        return (MemoryObject.Operations.Read(&file->Inode->Object, page * Frames.Size, to, count), s_turns);
    }

    [Fact]
    public void Bounds_of_descriptors_and_open_files()
    {
        Guest.Start();
        Shortage.End();
        long last = 0;
        for (int i = 0; i < FileTable.Capacity; i++)
            last = Guest.Open("/");
        Assert.Equal(4095, last);
        Assert.Equal(Errno.EMFILE, Guest.Open("/"));
        Assert.Equal(Errno.EMFILE, FileCalls.Dup(0));
        Assert.Equal(Errno.EMFILE, FileCalls.Pipe(Guest.Room(8)));
        FileCalls.Close(7);
        Assert.Equal(Errno.EMFILE, FileCalls.Pipe(Guest.Room(8)));
        Assert.Equal(7, FileCalls.Dup(0));
        FileCalls.Close(3000);
        FileCalls.Close(129);
        Assert.Equal(3000, FileCalls.Fcntl(5, 0, 130));
        Assert.Equal(129, FileCalls.Dup(5));
        FileTable* copy = FileTable.Fork(FileContext.TableOf(Process.Current));
        for (ulong i = 0; i < FileTable.Capacity; i += 127)
            Assert.Equal((nint)FileTable.Get(FileContext.TableOf(Process.Current), i), (nint)FileTable.Get(copy, i));
        FileTable.Release(copy);
        FileTable* first = FileContext.TableOf(Process.Current);
        var tables = new List<nint>();
        for (int i = 0; i < 4; i++)
        {
            Process.Current->Files.Table = FileTable.Create();
            tables.Add((nint)FileContext.TableOf(Process.Current));
            for (int j = 0; j < FileTable.Capacity; j++)
                last = Guest.Open("/");
        }

        Assert.Equal(Files.Capacity, Files.InUse);
        Assert.Equal(Errno.ENFILE, last);
        foreach (nint table in tables)
            FileTable.Release((FileTable*)table);
        Process.Current->Files.Table = first;
        Guest.Stop();
    }

    [Fact]
    public void Append_goes_to_the_end_and_seek_knows_its_bounds()
    {
        Guest.Start();
        Guest.Put("/f", "one");
        ulong descriptor = (ulong)Guest.Open("/f", OpenFlags.RDWR | OpenFlags.APPEND);
        FileCalls.Lseek(descriptor, 0, 0);
        Guest.Write((long)descriptor, "two"u8.ToArray());
        Assert.Equal("onetwo", Guest.Get("/f"));
        Assert.Equal(6, FileCalls.Lseek(descriptor, 0, 1));
        Assert.Equal(Errno.EINVAL, FileCalls.Lseek(descriptor, unchecked((ulong)-1), 0));
        Assert.Equal(Errno.EINVAL, FileCalls.Lseek(descriptor, 0, 9));
        Assert.Equal(106, FileCalls.Lseek(descriptor, 100, 2));
        Assert.Equal(0, FileCalls.Read(descriptor, Guest.Room(10), 10));
        Assert.Equal(1, FileCalls.Pwrite64(descriptor, Guest.Room(1), 1, 0));
        Assert.Equal("onetwo\0", Guest.Get("/f"));
        ulong anywhere = (ulong)Guest.Open("/f", OpenFlags.WRONLY);
        Assert.Equal(Errno.EFBIG, FileCalls.Pwrite64(anywhere, Guest.Room(1), 1, FileContent.MaxSize));
        Assert.Equal(Errno.EFBIG, FileCalls.Ftruncate(descriptor, FileContent.MaxSize + 1));
        Assert.Equal(Errno.EINVAL, FileCalls.Ftruncate(descriptor, ulong.MaxValue));
        Guest.Stop();
    }

    [Fact]
    public void A_transfer_that_runs_into_a_hole_in_memory_is_short()
    {
        Guest.Start();
        Guest.Put("/f", new string('x', 10_000));
        ulong descriptor = (ulong)Guest.Open("/f");
        ulong buffer = (Guest.Room(20_000) + 4095) & ~4095ul;
        UserMemory.BadStart = buffer + 8192;
        UserMemory.BadEnd = buffer + 12288;
        Assert.Equal(8192, FileCalls.Read(descriptor, buffer, 10_000));
        Assert.Equal(Errno.EFAULT, FileCalls.Read(descriptor, buffer + 8192, 10));
        Guest.Stop();
    }

    [Fact]
    public void Sendfile_and_copy_file_range_keep_their_offsets()
    {
        Guest.Start();
        byte[] data = CpioTests.Pattern(20_000);
        ulong from = (ulong)Guest.Open("/a", OpenFlags.CREAT | OpenFlags.RDWR);
        ulong to = (ulong)Guest.Open("/b", OpenFlags.CREAT | OpenFlags.RDWR);
        Guest.Write((long)from, data);
        ulong offset = Guest.Room(8);
        *(ulong*)offset = 100;
        Assert.Equal(19_900, FileCalls.Sendfile(to, from, offset, 1 << 20));
        Assert.Equal(20_000ul, *(ulong*)offset);
        Assert.Equal(data[100..], Guest.ReadAll("/b"));
        FileCalls.Lseek(from, 5000, 0);
        *(ulong*)offset = 0;
        Assert.Equal(3000, FileCalls.CopyFileRange(from, 0, to, offset, 3000, 0));
        Assert.Equal(8000, FileCalls.Lseek(from, 0, 1));
        Assert.Equal(data[5000..8000], Guest.ReadAll("/b")[..3000]);
        Guest.Stop();
    }
}
