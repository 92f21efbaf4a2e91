using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>
/// The state of what was interrupted, as Traps.S leaves it: on top of the kernel stack when that was user mode.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct TrapFrame
{
    public const ulong Syscall = 256;

    /// <summary>
    /// FXSAVE image (SDM vol. 1 table 10-2): the XMM registers; x87 and MXCSR only behind <c>FloatState.Save</c>.
    /// </summary>
    public fixed byte Fx[512];

    /// <summary>CR2 of a page fault.</summary>
    public ulong FaultAddress;
    public ulong Padding;
    public ulong R15;
    public ulong R14;
    public ulong R13;
    public ulong R12;
    public ulong R11;
    public ulong R10;
    public ulong R9;
    public ulong R8;
    public ulong Rbp;
    public ulong Rdi;
    public ulong Rsi;
    public ulong Rdx;
    public ulong Rcx;
    public ulong Rbx;
    public ulong Rax;

    /// <summary>Exception or interrupt vector, or <see cref="Syscall"/>.</summary>
    public ulong Vector;
    public ulong ErrorCode;
    public ulong Rip;
    public ulong Cs;
    public ulong Flags;
    public ulong Rsp;
    public ulong Ss;

    public readonly bool FromUser => (Cs & 3) != 0;

    /// <summary>
    /// As a new program finds it (System V AMD64 ABI §3.4.1): all zero, x87 control word 0x37f, MXCSR 0x1f80.
    /// </summary>
    public static void ResetForProgram(TrapFrame* frame, ulong entry, ulong stack)
    {
        *frame = default;
        ResetFloats(frame);
        frame->Rip = entry;
        frame->Cs = Descriptors.UserCode;
        frame->Flags = FlagsRegister.Interrupt | FlagsRegister.AlwaysOne;
        frame->Rsp = stack;
        frame->Ss = Descriptors.UserData;
    }

    /// <summary>As after FNINIT, all else zero, and MXCSR as after reset (SDM vol. 1 §8.1.5, §10.2.3).</summary>
    public static void ResetFloats(TrapFrame* frame)
    {
        Unsafe.InitBlock(frame->Fx, 0, 512);
        *(ushort*)frame->Fx = 0x37f;
        *(uint*)(frame->Fx + 24) = 0x1f80;
    }
}

/// <summary>Bits of RFLAGS (SDM vol. 1 §3.4.3).</summary>
public static class FlagsRegister
{
    public const ulong AlwaysOne = 1 << 1;
    public const ulong Trap = 1 << 8;
    public const ulong Interrupt = 1 << 9;
    public const ulong Direction = 1 << 10;
    public const ulong NestedTask = 1 << 14;
    public const ulong AlignmentCheck = 1 << 18;

    /// <summary>What user mode may set: CF PF AF ZF SF TF DF OF, AC, ID.</summary>
    public const ulong UserSettable = 0xdd5 & ~(1UL << 9) | 1 << 18 | 1 << 21;
}
