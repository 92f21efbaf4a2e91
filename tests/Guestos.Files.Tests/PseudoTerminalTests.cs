using System;
using System.Text;
using Xunit;

namespace Guestos.Tests;

/// <summary>Pseudo-terminals: what they leave behind. What programs see of them is tests/Guestos.Tests/programs/ptys.c.</summary>
public unsafe class PseudoTerminalTests
{
    private const ulong GetNumber = 0x80045430, SetLock = 0x40045431;

    private static (ulong Master, string Name) Open()
    {
        ulong master = (ulong)Guest.Open("/dev/ptmx", OpenFlags.RDWR | OpenFlags.NONBLOCK);
        ulong number = Guest.Room(4);
        Assert.Equal(0, FileCalls.Ioctl(master, GetNumber, number));
        string name = $"/dev/pts/{*(int*)number}";
        Assert.Equal(Errno.EIO, Guest.Open(name, OpenFlags.RDWR | OpenFlags.NOCTTY));
        Assert.Equal(0, FileCalls.Ioctl(master, SetLock, Guest.Room(4)));
        return (master, name);
    }

    private static string Take(ulong file)
    {
        ulong buffer = Guest.Room(5000);
        long count = FileCalls.Read(file, buffer, 5000);
        return count < 0 ? $"{count}" : Encoding.UTF8.GetString(new Span<byte>((void*)buffer, (int)count));
    }

    [Fact]
    public void Both_ends_go_with_the_last_of_them_and_the_name_with_the_master()
    {
        Guest.Start();
        ulong before = Frames.Free;
        (ulong master, string name) = Open();
        (ulong second, string other) = Open();
        Assert.Equal(["0", "1"], Guest.List("/dev/pts")[2..]);
        ulong slave = (ulong)Guest.Open(name, OpenFlags.RDWR | OpenFlags.NOCTTY);
        FileCalls.Close(master);
        Assert.Equal(["1"], Guest.List("/dev/pts")[2..]);
        Assert.Equal("", Take(slave));
        Assert.Equal(Errno.EIO, Guest.Write((long)slave, [1]));
        // The number is free when nobody has the old one open.
        (ulong third, string again) = Open();
        Assert.Equal("/dev/pts/2", again);
        FileCalls.Close(slave);
        (ulong fourth, again) = Open();
        Assert.Equal(name, again);
        foreach (ulong file in new[] { second, third, fourth })
            FileCalls.Close(file);
        Assert.Empty(Guest.List("/dev/pts")[2..]);
        Assert.InRange(Frames.Free, before - 4, before);
        Guest.Stop();
    }

    [Fact]
    public void Who_writes_waits_for_who_reads_at_either_end()
    {
        Guest.Start();
        (ulong master, string name) = Open();
        ulong slave = (ulong)Guest.Open(name, OpenFlags.RDWR | OpenFlags.NOCTTY);
        int got = 0;
        WaitResult Drain()
        {
            got += Take(master).Length;
            return WaitResult.Woken;
        }

        for (int i = 0; i < 4; i++)
            Scheduler.WhileAsleep.Enqueue(Drain);
        Assert.Equal(9000, Guest.Write((long)slave, new byte[9000]));
        Scheduler.WhileAsleep.Clear();
        Drain();
        Assert.Equal(9000, got);
        Assert.Equal(5, Guest.Write((long)master, "line\n"u8.ToArray()));
        Assert.Equal("line\r\n", Take(master));
        Assert.Equal("line\n", Take(slave));
        Signals.Sent.Clear();
        FileCalls.Close(slave);
        Assert.Equal($"{Errno.EIO}", Take(master));
        FileCalls.Close(master);
        Guest.Stop();
    }
}
