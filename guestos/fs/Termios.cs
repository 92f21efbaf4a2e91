using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct termios of TCGETS (include/uapi/asm-generic/termbits.h): 36 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct Termios
{
    public const int Length = 36;

    public uint Input;
    public uint Output;
    public uint Control;
    public uint Local;
    public byte Line;
    public fixed byte Characters[19];

    // c_iflag
    public const uint IgnoreBreak = 0x1, StripHigh = 0x20, NewlineToReturn = 0x40, IgnoreReturn = 0x80, ReturnToNewline = 0x100,
        FlowOut = 0x400, FlowAny = 0x800, FlowIn = 0x1000, BellWhenFull = 0x2000, Utf8 = 0x4000;

    // c_oflag
    public const uint Process = 0x1, NewlineToReturnNewline = 0x4, OutReturnToNewline = 0x8, NoReturnAtStart = 0x10, NewlineReturns = 0x20,
        ExpandTabs = 0x1800;

    // c_lflag
    public const uint Signals = 0x1, Canonical = 0x2, Echo = 0x8, EchoErase = 0x10, EchoKill = 0x20, EchoNewline = 0x40, NoFlush = 0x80,
        StopBackground = 0x100, EchoControl = 0x200, EchoKillErase = 0x800, Extended = 0x8000;

    // c_cc
    public const int Interrupt = 0, Quit = 1, Erase = 2, Kill = 3, EndOfFile = 4, Time = 5, Minimum = 6, Start = 8, Stop = 9, Suspend = 10,
        EndOfLine = 11, Reprint = 12, WordErase = 14, LiteralNext = 15, EndOfLine2 = 16;

    /// <summary>What Linux gives a new terminal (tty_std_termios), at 115200 baud, 8 bits.</summary>
    public static Termios Standard
    {
        get
        {
            Termios t = default;
            t.Input = ReturnToNewline | FlowOut;
            t.Output = Process | NewlineToReturnNewline;
            t.Control = 0x1002 | 0x30 | 0x80;   // B115200, CS8, CREAD
            t.Local = Signals | Canonical | Echo | EchoErase | EchoKill | EchoControl | EchoKillErase | Extended;
            t.Characters[Interrupt] = 3;
            t.Characters[Quit] = 28;
            t.Characters[Erase] = 127;
            t.Characters[Kill] = 21;
            t.Characters[EndOfFile] = 4;
            t.Characters[Minimum] = 1;
            t.Characters[Start] = 17;
            t.Characters[Stop] = 19;
            t.Characters[Suspend] = 26;
            t.Characters[Reprint] = 18;
            t.Characters[WordErase] = 23;
            t.Characters[LiteralNext] = 22;
            return t;
        }
    }
}
