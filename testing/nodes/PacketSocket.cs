using System;
using System.Runtime.InteropServices;
using System.Threading;
using Packetd;
using Wire;

namespace Testing.Nodes;

/// <summary>The few calls of libc that .NET does not wrap, and a raw packet socket inside a network namespace.</summary>
public static partial class PacketSocket
{
    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int type);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int socket, byte[] address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int socket, int level, int option, byte[] value, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int socket, in byte bytes, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int socket, ref byte bytes, nint length, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint if_nametoindex(string name);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint a, nint b, nint c);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int kill(int pid, int signal);

    [ThreadStatic]
    private static byte[]? s_memory;

    /// <summary>A packet socket on a link of a namespace, which takes every frame and waits for one at most the given time.</summary>
    public static int OpenLink(string space, string link, int milliseconds)
    {
        int result = -1;
        // setns(2) moves one thread; the socket stays where it was made.
        var thread = new Thread(() =>
        {
            // Close-on-exec, both: other threads start programs.
            int there = open("/run/netns/" + space, 0x80000);
            bool moved = setns(there, 0x4000_0000) == 0;
            close(there);
            if (!moved)
                return;
            int made = socket(17, 3 | 0x80000, 0);
            byte[] time = new byte[16], address = new byte[20], size = [0, 0, 0x80, 0];
            Bytes.PutLe64(time, 8, (ulong)milliseconds * 1000);
            setsockopt(made, 1, 20, time, 16);
            setsockopt(made, 1, 33, size, 4);
            byte[] member = new byte[16];
            Bytes.PutLe32(member, 0, if_nametoindex(link));
            member[4] = 1; // PACKET_MR_PROMISC: the client has more than one MAC
            setsockopt(made, 263, 1, member, 16);
            setsockopt(made, 263, 23, [1, 0, 0, 0], 4);
            address[0] = 17;
            address[3] = 3;
            Bytes.PutLe32(address, 4, if_nametoindex(link));
            if (bind(made, address, 20) == 0)
                result = made;
        });
        thread.Start();
        thread.Join();
        return result >= 0 ? result : throw new InvalidOperationException($"no socket on {link} in {space}: error {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Sets an option of another process's socket; the kernel's answer.</summary>
    public static int SetOption(int pid, int fd, int level, int option, byte[] value)
    {
        const int PidfdOpen = 434, PidfdGetfd = 438;
        int process = (int)syscall(PidfdOpen, pid, 0, 0), same = (int)syscall(PidfdGetfd, process, fd, 0);
        int result = setsockopt(same, level, option, value, value.Length) == 0 ? 0 : -Marshal.GetLastPInvokeError();
        close(same);
        close(process);
        return result;
    }

    public static bool Send(int socket, ReadOnlySpan<byte> frame) => send(socket, in MemoryMarshal.GetReference(frame), frame.Length, 0) == frame.Length;

    /// <summary>The next frame, or nothing when the socket's time is over.</summary>
    public static byte[]? Receive(int socket)
    {
        byte[] buffer = s_memory ??= new byte[70_000];
        nint length = recv(socket, ref buffer[0], buffer.Length, 0);
        return length < 0 ? null : buffer[..(int)length];
    }
}
