using System;
using System.Linux;
using System.Runtime;

namespace Puppet;

/// <summary>
/// Stands where a monitor would. A frame of EtherType 0x88B5 (IEEE 802 local experiments) is an order: its first payload byte says
/// which, the rest is what to do it with. An IPv4 frame is sent back with its addresses exchanged. Other frames are ignored.
/// </summary>
internal static unsafe class Program
{
    private const int Header = 10, Payload = Header + 14, Frames = 3, Control = 4, Error = 2;

    private enum Order : byte
    {
        SendPacket = 0,
        Exit = 1,
        Crash = 2,
        Loop = 3,
        SendRecord = 4,
        Say = 5,
        CloseFrames = 6,
        FloodFrames = 7,
        FloodRecords = 8,
        SendShortRecord = 9,
        Report = 10,

        /// <summary>Makes a system call: its number and five arguments, 8 bytes each. Its result is the second half of a record.</summary>
        Call = 12,
        Fork = 11,
    }

    /// <summary>What goes before a reported frame, and room for the frame; nothing before the order to report.</summary>
    private static byte* s_report;
    private static int s_reportSize;

    [RuntimeExport("freestanding_main")]
    private static int Main(int argc, byte** argv, byte** envp)
    {
        byte* room = stackalloc byte[4000];
        byte* record = stackalloc byte[16];
        record[0] = 1;
        Write(Control, record, 16);
        byte* packet = stackalloc byte[70_000];
        while (true)
        {
            nint length = Syscall.Invoke(0, Frames, (nint)packet, 70_000);
            if (length <= 0)
                return 0;
            if (length <= Payload)
                continue;
            int type = packet[Header + 12] << 8 | packet[Header + 13];
            if (type == 0x88B5)
            {
                s_report = packet[Payload] == (byte)Order.Report ? room : s_report;
                Obey((Order)packet[Payload], packet + Payload + 1, (int)length - Payload - 1);
            }
            else if (s_report != null)
                Report(packet + Header, (int)length - Header);
            else if (type == 0x0800 && length >= Payload + 20)
                Mirror(packet, (int)length);
        }
    }

    private static void Obey(Order order, byte* rest, int length)
    {
        switch (order)
        {
            case Order.SendPacket:
                Write(Frames, rest, length);
                break;
            case Order.Exit:
                Syscall.Invoke(231, rest[0]);
                break;
            case Order.Crash:
                Environment.FailFast();
                break;
            case Order.Loop:
                while (true)
                    continue;
            case Order.SendRecord:
                Write(Control, rest, 16);
                break;
            case Order.SendShortRecord:
                Write(Control, rest - 8, 8);
                break;
            case Order.Say:
                Write(Error, rest, length);
                break;
            case Order.CloseFrames:
                Syscall.Invoke(3, Frames);
                while (true)
                    Syscall.Invoke(34); // pause
            case Order.FloodFrames:
                for (int i = 0; i < 1_000_000; i++)
                    Write(Frames, rest, length);
                break;
            case Order.FloodRecords:
                for (int i = 0; i < 1_000_000; i++)
                    Write(Control, rest, 16);
                break;
            case Order.Fork:
                // Both end: the child with 0, and so the parent, or with the number of what is in the way.
                Syscall.Invoke(231, -Math.Min((int)Syscall.Invoke(57), 0));
                break;
            case Order.Call:
                nint* call = (nint*)rest; // SAFETY: whoever orders sends all six
                nint* result = stackalloc nint[] { (nint)Order.Call, Syscall.Invoke(call[0], call[1], call[2], call[3], call[4], call[5]) };
                Write(Control, (byte*)result, 16);
                break;
            case Order.Report:
                Copy(rest, s_report, length);
                s_reportSize = length;
                break;
        }
    }

    private static void Report(byte* frame, int length)
    {
        if (length > 1514)
            return;
        Copy(frame, s_report + s_reportSize, length);
        Write(Frames, s_report, s_reportSize + length);
    }

    private static void Copy(byte* from, byte* to, int length)
    {
        for (int i = 0; i < length; i++)
            to[i] = from[i];
    }

    private static void Mirror(byte* packet, int length)
    {
        byte* frame = packet + Header;
        for (int i = 0; i < 6; i++)
            Exchange(frame + i, frame + 6 + i);
        for (int i = 26; i < 30; i++)
            Exchange(frame + i, frame + i + 4);
        Write(Frames, packet, length);
    }

    private static void Exchange(byte* a, byte* b)
    {
        byte kept = *a;
        *a = *b;
        *b = kept;
    }

    private static void Write(int descriptor, byte* bytes, int length) => Syscall.Invoke(1, descriptor, (nint)bytes, length);
}
