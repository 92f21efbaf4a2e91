using System;
using System.Text;
using Xunit;

namespace Guestos.Tests;

/// <summary>Devices of /dev that a program may take for files.</summary>
public unsafe class DeviceTests
{
    /// <summary>The kernel's log: what is written goes to the console as one message, and there is nothing to read.</summary>
    [Fact]
    public void What_is_written_to_kmsg_is_on_the_console()
    {
        Guest.Start();
        long log = Guest.Open("/dev/kmsg", OpenFlags.RDWR);
        Assert.True(log >= 0, $"{log}");
        byte[] message = Encoding.ASCII.GetBytes("a daemon has begun\n");
        Assert.Equal(message.Length, Guest.Write(log, message));
        Assert.EndsWith("a daemon has begun\n", Console.Text + Encoding.ASCII.GetString([.. Board.Uart.Written]), StringComparison.Ordinal);
        Assert.Equal(0, FileCalls.Read((ulong)log, Guest.Room(100), 100));
        Assert.Equal(0, Guest.Stat("/dev/kmsg", out FileStatus status));
        Assert.Equal((uint)InodeType.CHR, status.Mode & 0xf000);
        Assert.Equal(0, FileCalls.Close((ulong)log));
        Guest.Stop();
    }
}
