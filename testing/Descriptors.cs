using System;
using System.IO;
using System.Runtime.InteropServices;

namespace Testing;

/// <summary>The few calls of libc that .NET does not wrap. Failures are exceptions.</summary>
public static partial class Descriptors
{
    private const int CloneNewNet = 0x40000000, DontWait = 0x40, Again = 11, Interrupted = 4;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int type);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nint request, byte[] argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socketpair(int family, int type, int protocol, int[] pair);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int socket, byte[] bytes, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int fd, byte[] bytes, nint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, byte[] bytes, nint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(ref PollDescriptor descriptor, ulong count, int milliseconds);

    [LibraryImport("libc")]
    public static partial int close(int fd);

    [LibraryImport("libc")]
    public static partial int kill(int pid, int signal);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events, Returned;
    }

    private static nint Good(nint result, string what) =>
        result >= 0 ? result : throw new IOException($"{what}: error {Marshal.GetLastPInvokeError()}");

    /// <summary>Two ends of AF_UNIX/SOCK_SEQPACKET, as packetd makes them; they are inherited.</summary>
    public static (int, int) Pair()
    {
        int[] pair = new int[2];
        Good(socketpair(1, 5, 0, pair), "socketpair");
        return (pair[0], pair[1]);
    }

    /// <summary>False when the receiver's queue is full.</summary>
    public static bool TrySend(int socket, byte[] datagram)
    {
        nint sent = send(socket, datagram, datagram.Length, DontWait);
        return sent >= 0 || Marshal.GetLastPInvokeError() != Again && Good(sent, "send") > 0;
    }

    public static void Write(int fd, byte[] bytes) => Good(write(fd, bytes, bytes.Length), "write");

    /// <summary>The next datagram or frame; empty at the end; null when none comes in time.</summary>
    public static byte[]? Read(int fd, int milliseconds = 10_000)
    {
        PollDescriptor descriptor = new() { Descriptor = fd, Events = 1 };
        int ready;
        while ((ready = poll(ref descriptor, 1, milliseconds)) < 0 && Marshal.GetLastPInvokeError() == Interrupted)
            continue;
        if (Good(ready, "poll") == 0)
            return null;
        byte[] buffer = new byte[70_000];
        return buffer[..(int)Good(read(fd, buffer, buffer.Length), "read")];
    }

    /// <summary>Gives the calling thread a network of its own.</summary>
    public static void LeaveNetwork() => Good(unshare(CloneNewNet), "unshare");

    /// <summary>Takes the calling thread into a network that has a name.</summary>
    public static void EnterNetwork(string path)
    {
        int fd = (int)Good(open(path, 0x80000), path);
        Good(setns(fd, CloneNewNet), "setns");
        close(fd);
    }

    /// <summary>A TAP device of the calling thread's network; frames with the 10-byte header, or bare ones.</summary>
    public static int OpenTap(string name, bool header)
    {
        int fd = (int)Good(open("/dev/net/tun", 2), "/dev/net/tun");
        byte[] request = new byte[40];
        System.Text.Encoding.ASCII.GetBytes(name).CopyTo(request, 0);
        BitConverter.TryWriteBytes(request.AsSpan(16), (short)(0x0002 | 0x1000 | (header ? 0x4000 : 0)));
        Good(ioctl(fd, 0x400454CA, request), "TUNSETIFF");
        return fd;
    }
}
