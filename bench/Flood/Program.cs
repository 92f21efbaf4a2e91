using System;
using System.Linux;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Wire;

namespace Flood;

/// <summary>
/// <c>bench-flood LINK KIND SECONDS</c> sends frames to the node 10.99.0.2 as fast as it can, from 256 sources by
/// turns: <c>p</c> pings, <c>t</c> boot tokens that are right up to their signature, <c>b</c> frames to everybody. It
/// ends after so many seconds, with the number of frames on its standard output.
/// </summary>
internal static unsafe class Program
{
    private const int Write = 1, Ioctl = 16, Socket = 41, Bind = 49, ClockGetTime = 228;
    private const int PacketFamily = 17, Raw = 3, GetIndex = 0x8933, Monotonic = 1, Realtime = 0;
    private const uint Node = 0x0A630002, Source = 0x0A630100;
    private const int Ethernet = 14, Icmp = Ethernet + 20, Payload = Icmp + 8, Sources = 256, MaxSize = 256;

    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv, byte** envp)
    {
        if (argc != 4)
            return 1;
        ulong* request = stackalloc ulong[5];
        for (int i = 0; i < 15 && argv[1][i] != 0; i++)
            ((byte*)request)[i] = argv[1][i];
        nint link = Syscall.Invoke(Socket, PacketFamily, Raw, 0);
        ulong* place = stackalloc ulong[3];
        if (link < 0 || Syscall.Invoke(Ioctl, link, GetIndex, (nint)request) < 0)
            return 1;
        place[0] = PacketFamily | (ulong)(uint)request[2] << 32;
        if (Syscall.Invoke(Bind, link, (nint)place, 20) < 0)
            return 1;

        Span<byte> frames = stackalloc byte[Sources * MaxSize];
        int size = 0;
        for (int i = 0; i < Sources; i++)
            size = Make(frames.Slice(i * MaxSize, MaxSize), argv[2][0], Source + (uint)i);
        byte* first = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(frames));
        ulong sent = 0, end = Now(Monotonic) + (ulong)(argv[3][0] - '0');
        while (Now(Monotonic) < end)
            for (int i = 0; i < Sources; i++)
                sent += Syscall.Invoke(Write, link, (nint)(first + i * MaxSize), size) == size ? 1UL : 0;
        Print(sent);
        return 0;
    }

    private static int Make(Span<byte> frame, byte kind, uint source)
    {
        Bytes.PutBe16(frame, 0, 0x0245);
        Bytes.PutBe32(frame, 2, Node);
        Bytes.PutBe16(frame, 6, 0x0200);
        Bytes.PutBe32(frame, 8, source);
        if (kind == 'b')
        {
            frame.Slice(0, 6).Fill(0xFF);
            Bytes.PutBe16(frame, 12, 0x88B5); // IEEE 802 local experiments
            return 60;
        }
        Bytes.PutBe16(frame, 12, 0x0800);
        int payload = kind == 't' ? MagicPing.BootSize : 18;
        if (kind == 't')
        {
            Span<byte> magic = frame.Slice(Payload, payload);
            ulong now = Now(Realtime);
            var token = new BootTokenDraft(magic.Slice(MagicPing.HeaderSize))
            {
                Node = Node, BootAddress = 0x0A630040, PrefixLength = 24, MemoryMiB = 1, CpuPercent = 100, ElementCount = 1,
                    Lease = 1, Issued = now, Expires = now + 600,
            };
            token.Sign(frame.Slice(6, 6)); // a key that is not the node's
            MagicPing.EmitHeader(magic, MagicKind.Boot);
        }
        Span<byte> ip = frame.Slice(Ethernet, 28 + payload), icmp = ip.Slice(20);
        ip[0] = 0x45;
        Bytes.PutBe16(ip, 2, (ushort)ip.Length);
        ip[8] = 64;
        ip[9] = 1;
        Bytes.PutBe32(ip, 12, source);
        Bytes.PutBe32(ip, 16, Node);
        Bytes.PutBe16(ip, 10, IcmpEcho.Checksum(ip.Slice(0, 20)));
        icmp[0] = IcmpEcho.Request;
        Bytes.PutBe16(icmp, IcmpEcho.ChecksumAt, IcmpEcho.Checksum(icmp));
        return Ethernet + ip.Length;
    }

    private static ulong Now(int clock)
    {
        ulong* time = stackalloc ulong[2];
        Syscall.Invoke(ClockGetTime, clock, (nint)time);
        return time[0];
    }

    private static void Print(ulong number)
    {
        byte* text = stackalloc byte[21];
        int at = 20;
        text[at] = (byte)'\n';
        for (; number > 0 || at == 20; number /= 10)
            text[--at] = (byte)('0' + number % 10);
        Syscall.Invoke(Write, 1, (nint)(text + at), 21 - at);
    }
}
