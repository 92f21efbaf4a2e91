using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// x87, SSE and the upper halves of the YMM registers of a stopped thread as ptrace(2) has them (NT_X86_XSTATE): an
/// area of XSAVE in the standard form (SDM vol. 1 §13.4), with XCR0 in bytes that belong to software (Linux: struct
/// user_xstateregs, arch/x86/include/asm/user.h). Only where the upper halves are switched on; the thread is not the
/// current one.
/// </summary>
public static unsafe class TracedExtendedState
{
    private const int ImageLength = 512;
    private const int UpperAt = 576;

    /// <summary>Bytes of the area.</summary>
    public const int Length = UpperAt + FloatState.UpperBytes;

    // In the FXSAVE image (SDM vol. 1 table 10-2).
    private const int ControlAndStatus = 24;
    private const int StackAt = 32;
    private const int VectorsAt = 160;
    private const int VectorsEnd = 416;
    private const int EnabledAt = 464;
    private const ushort InitialControl = 0x37f;

    // In the header.
    private const int SavedAt = ImageLength;
    private const int FirstReserved = SavedAt + sizeof(ulong);

    private const ulong X87 = 1;
    private const ulong Sse = 2;
    private const ulong Upper = 4;

    public static void Get(Thread* thread, byte* area)
    {
        Unsafe.InitBlock(area, 0, Length);
        TracedRegisters.GetFloats(thread, area);
        *(ulong*)(area + EnabledAt) = X87 | Sse | Upper;
        *(ulong*)(area + SavedAt) = X87 | Sse | Upper;
        Unsafe.CopyBlock(area + UpperAt, FloatState.UpperOf(thread->UserFrame), FloatState.UpperBytes);
    }

    /// <summary>
    /// 0, or EINVAL for a header or an MXCSR that XRSTOR refuses. What the header does not name becomes initial.
    /// </summary>
    public static long Set(Thread* thread, byte* area)
    {
        ulong saved = *(ulong*)(area + SavedAt);
        for (int at = FirstReserved; at < UpperAt; at += sizeof(ulong))
            if (*(ulong*)(area + at) != 0)
                return Errno.EINVAL;
        bool hasControl = (saved & (X87 | Sse)) != 0;
        if ((saved & ~(X87 | Sse | Upper)) != 0 || hasControl && !TracedRegisters.IsControlValid(thread, area))
            return Errno.EINVAL;
        byte* own = thread->UserFrame->Fx;
        if (hasControl)
            *(uint*)(own + ControlAndStatus) = *(uint*)(area + ControlAndStatus);
        Take(own, area, 0, ControlAndStatus, (saved & X87) != 0);
        Take(own, area, StackAt, VectorsAt, (saved & X87) != 0);
        if ((saved & X87) == 0)
            *(ushort*)own = InitialControl;
        Take(own, area, VectorsAt, VectorsEnd, (saved & Sse) != 0);
        byte* upper = FloatState.UpperOf(thread->UserFrame);
        Take(upper, area + UpperAt, 0, FloatState.UpperBytes, (saved & Upper) != 0);
        return 0;
    }

    /// <summary>The bytes from one place to another, or zeros.</summary>
    private static void Take(byte* to, byte* from, int begin, int end, bool isSaved)
    {
        if (isSaved)
            Unsafe.CopyBlock(to + begin, from + begin, (uint)(end - begin));
        else
            Unsafe.InitBlock(to + begin, 0, (uint)(end - begin));
    }
}
