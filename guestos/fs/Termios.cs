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
    public const uint IgnoreBreak = 0x1;
    public const uint StripHigh = 0x20;
    public const uint NewlineToReturn = 0x40;
    public const uint IgnoreReturn = 0x80;
    public const uint ReturnToNewline = 0x100;
    public const uint FlowOut = 0x400;
    public const uint FlowAny = 0x800;
    public const uint FlowIn = 0x1000;
    public const uint BellWhenFull = 0x2000;
    public const uint Utf8 = 0x4000;

    // c_oflag
    public const uint Process = 0x1;
    public const uint NewlineToReturnNewline = 0x4;
    public const uint OutReturnToNewline = 0x8;
    public const uint NoReturnAtStart = 0x10;
    public const uint NewlineReturns = 0x20;
    public const uint ExpandTabs = 0x1800;

    // c_lflag
    public const uint Signals = 0x1;
    public const uint Canonical = 0x2;
    public const uint Echo = 0x8;
    public const uint EchoErase = 0x10;
    public const uint EchoKill = 0x20;
    public const uint EchoNewline = 0x40;
    public const uint NoFlush = 0x80;
    public const uint StopBackground = 0x100;
    public const uint EchoControl = 0x200;
    public const uint EchoKillErase = 0x800;
    public const uint Extended = 0x8000;

    // c_cc
    public const int Interrupt = 0;
    public const int Quit = 1;
    public const int Erase = 2;
    public const int Kill = 3;
    public const int EndOfFile = 4;
    public const int Time = 5;
    public const int Minimum = 6;
    public const int Start = 8;
    public const int Stop = 9;
    public const int Suspend = 10;
    public const int EndOfLine = 11;
    public const int Reprint = 12;
    public const int WordErase = 14;
    public const int LiteralNext = 15;
    public const int EndOfLine2 = 16;

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
