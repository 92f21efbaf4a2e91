using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Testing.Wires;

/// <summary>What of the kernel has no name in .NET: namespaces, TAP devices (linux/if_tun.h), waiting to the nanosecond.</summary>
public static unsafe class TapDevices
{
    public const int CloneNewNet = 0x40000000;
    private const int ReadWrite = 2, NonBlock = 0x800, CloseOnExec = 0x80000;
    private const ulong SetInterface = 0x400454ca, SetOffload = 0x400454d0;
    private const int Tap = 0x0002, NoPacketInformation = 0x1000, VirtioHeader = 0x4000, Checksum = 1, Tcp4 = 2;

    public static int OpenTap(string name, bool offload)
    {
        int tap = open("/dev/net/tun", ReadWrite | NonBlock | CloseOnExec);
        if (tap < 0)
            throw new InvalidOperationException("/dev/net/tun: errno " + Marshal.GetLastPInvokeError());
        byte* request = stackalloc byte[40]; // struct ifreq
        new Span<byte>(request, 40).Clear();
        Encoding.ASCII.GetBytes(name, new Span<byte>(request, 15));
        *(short*)(request + 16) = (short)(Tap | NoPacketInformation | (offload ? VirtioHeader : 0));
        if (ioctl(tap, SetInterface, (nint)request) != 0)
            throw new InvalidOperationException("TUNSETIFF: errno " + Marshal.GetLastPInvokeError());
        if (offload && ioctl(tap, SetOffload, Checksum | Tcp4) != 0)
            throw new InvalidOperationException("TUNSETOFFLOAD: errno " + Marshal.GetLastPInvokeError());
        return tap;
    }

    /// <summary>Waits until one of the descriptors can be read, at most so many nanoseconds.</summary>
    public static void WaitReadable(ReadOnlySpan<int> descriptors, long nanoseconds)
    {
        PollDescriptor* polls = stackalloc PollDescriptor[descriptors.Length];
        for (int i = 0; i < descriptors.Length; i++)
            polls[i] = new PollDescriptor { Descriptor = descriptors[i], Events = 1 };
        TimeSpec timeout = new() { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 };
        ppoll(polls, (ulong)descriptors.Length, &timeout, null);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events, Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds, Nanoseconds;
    }

    [DllImport("libc", SetLastError = true)]
    public static extern int unshare(int flags);

    [DllImport("libc", SetLastError = true)]
    public static extern int open(string path, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int ioctl(int fd, ulong request, nint argument);

    [DllImport("libc")]
    public static extern nint read(int fd, byte* to, nint count);

    [DllImport("libc")]
    public static extern nint write(int fd, byte* from, nint count);

    [DllImport("libc")]
    public static extern int close(int fd);

    [DllImport("libc")]
    private static extern int ppoll(PollDescriptor* descriptors, ulong count, TimeSpec* timeout, void* mask);
}
