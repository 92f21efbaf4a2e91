using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// The floating-point state in a signal handler's frame (Linux: arch/x86/include/uapi/asm/sigcontext.h): an FXSAVE
/// image, and where the upper halves of the YMM registers are switched on, an area of XSAVE in the standard form (SDM
/// vol. 1 §13.4), which says so in bytes that belong to software, and has a second word behind it.
/// </summary>
internal static unsafe class SignalFloats
{
    private const int ImageBytes = 512;
    private const int HeaderAt = ImageBytes;
    private const int UpperAt = 576;
    private const int AreaBytes = UpperAt + FloatState.UpperBytes;

    // struct _fpx_sw_bytes.
    private const int FirstMagicAt = 464;
    private const int ExtendedSizeAt = 468;
    private const int ComponentsAt = 472;
    private const int SizeAt = 480;
    private const uint FirstMagic = 0x46505853;
    private const uint SecondMagic = 0x46505845;
    private const int ExtendedBytes = AreaBytes + sizeof(uint);

    // x87, SSE, AVX.
    private const ulong Components = 7;
    private const ulong UpperComponent = 4;

    /// <summary>Bytes on the stack; they begin at a multiple of 64.</summary>
    public static ulong Bytes => FloatState.HasUpper ? ExtendedBytes : (ulong)ImageBytes;

    /// <summary>UC_FP_XSTATE, where it applies.</summary>
    public static ulong ContextFlag => FloatState.HasUpper ? 1UL : 0;

    private struct Area
    {
        public fixed byte Bytes[ExtendedBytes];
    }

    /// <summary>Writes what the frame has, which has been saved.</summary>
    public static bool TryPut(TrapFrame* frame, ulong at)
    {
        if (!FloatState.HasUpper)
            return ((UserPointer<byte>)at).TryPutAll(new ReadOnlySpan<byte>(frame->Fx, ImageBytes));
        Area area = default;
        byte* bytes = area.Bytes;
        Unsafe.CopyBlock(bytes, frame->Fx, ImageBytes);
        *(uint*)(bytes + FirstMagicAt) = FirstMagic;
        *(uint*)(bytes + ExtendedSizeAt) = ExtendedBytes;
        *(ulong*)(bytes + ComponentsAt) = Components;
        *(uint*)(bytes + SizeAt) = AreaBytes;
        *(ulong*)(bytes + HeaderAt) = Components;
        Unsafe.CopyBlock(bytes + UpperAt, FloatState.UpperOf(frame), FloatState.UpperBytes);
        *(uint*)(bytes + AreaBytes) = SecondMagic;
        return ((UserPointer<byte>)at).TryPutAll(new ReadOnlySpan<byte>(bytes, ExtendedBytes));
    }

    /// <summary>
    /// Reads into the frame what a handler has left. Without the words of an area the upper halves become zero.
    /// </summary>
    public static bool TryTake(TrapFrame* frame, ulong at)
    {
        if (!((UserPointer<byte>)at).TryGetAll(new Span<byte>(frame->Fx, ImageBytes)))
            return false;
        if (!FloatState.HasUpper)
            return true;
        FloatState.ClearUpper(frame);
        bool isArea = *(uint*)(frame->Fx + FirstMagicAt) == FirstMagic && *(uint*)(frame->Fx + SizeAt) == AreaBytes;
        if (!isArea)
            return true;
        if (!((UserPointer<uint>)(at + AreaBytes)).TryGet(out uint second)
            || !((UserPointer<ulong>)(at + HeaderAt)).TryGet(out ulong saved))
            return false;
        if (second != SecondMagic || (saved & UpperComponent) == 0)
            return true;
        Span<byte> upper = new(FloatState.UpperOf(frame), FloatState.UpperBytes);
        return ((UserPointer<byte>)(at + UpperAt)).TryGetAll(upper);
    }
}
