using System.Runtime.CompilerServices;
using Board;

namespace Guestos;

/// <summary>
/// x87, MXCSR and the upper halves of the YMM registers of user mode. The kernel has no instruction that uses them, so
/// they stay in the processor until another thread runs, and a frame (<see cref="TrapFrame.Fx"/>,
/// <see cref="UpperOf"/>) has them only behind <see cref="Save"/>. The XMM registers, which the kernel uses to copy,
/// are in the frame on every way into the kernel (Traps.S).
/// </summary>
/// <remarks>
/// The upper halves are switched on when the first program executes an instruction that needs them, or from the start
/// where programs are told of all that the processor has. Up to then a guest needs no processor that has them.
/// </remarks>
internal static unsafe class FloatState
{
    /// <summary>Bytes of an FXSAVE image before XMM0 (SDM vol. 1 table 10-2): x87 and MXCSR.</summary>
    private const int Length = 160;

    /// <summary>Where XMM15 ends: the rest of the image is reserved, and zero.</summary>
    private const int Used = 416;

    /// <summary>Bytes behind a thread's user frame that hold its upper halves, YMM0's first.</summary>
    public const int UpperBytes = 256;

    // CPUID.1:ECX: XSAVE and AVX.
    private const uint NeededBits = 1u << 26 | 1u << 28;

    // Ordinary memory: it travels.
    private static bool s_hasUpper;

    /// <summary>The upper halves are switched on.</summary>
    public static bool HasUpper => s_hasUpper;

    /// <summary>The upper halves of a user frame's thread. Zero while they are not switched on.</summary>
    public static byte* UpperOf(TrapFrame* frame) => (byte*)(frame + 1);

    /// <summary>Switches the upper halves on, if they are not and the processor has them.</summary>
    /// <returns>whether that is so now, and was not before</returns>
    public static bool TrySwitchOn()
    {
        uint* leaf = stackalloc uint[4];
        Processor.CpuId(1, 0, leaf);
        if (s_hasUpper || (leaf[2] & NeededBits) != NeededBits)
            return false;
        s_hasUpper = true;
        Symbols.SwitchOnUpper();
        return true;
    }

    /// <summary>On arrival, before <see cref="Load"/>: as on the machine before, whose like this one is.</summary>
    public static void Resume()
    {
        if (s_hasUpper)
            Symbols.SwitchOnUpper();
    }

    /// <summary>The upper halves of a program's start, and of a signal handler's.</summary>
    public static void ClearUpper(TrapFrame* frame) => Unsafe.InitBlock(UpperOf(frame), 0, UpperBytes);

    /// <summary>Those of a thread that begins as a copy of another, which has been saved.</summary>
    public static void CopyUpper(TrapFrame* to, TrapFrame* from) =>
        Unsafe.CopyBlock(UpperOf(to), UpperOf(from), UpperBytes);

    /// <summary>What FXSAVE writes.</summary>
    private struct Image
    {
        public fixed byte Bytes[512 + 16];
    }

    /// <summary>Completes a user frame of the current thread with what the processor has.</summary>
    public static void Save(TrapFrame* frame)
    {
        // A processor may leave reserved bytes as they are, and user mode gets to see all of them.
        Image image = default;
        byte* at = (byte*)((ulong)(image.Bytes + 15) & ~15UL);
        Symbols.SaveFloat(at);
        Unsafe.CopyBlock(frame->Fx, at, Length);
        Unsafe.InitBlock(frame->Fx + Used, 0, 512 - Used);
        if (s_hasUpper)
            Symbols.SaveUpper(UpperOf(frame));
    }

    /// <summary>Gives the processor what a user frame of the current thread has.</summary>
    public static void Load(TrapFrame* frame)
    {
        Symbols.LoadFloat(frame->Fx);
        if (s_hasUpper)
            Symbols.LoadUpper(UpperOf(frame));
    }

    /// <summary>Another thread is to run, whose user frame this is.</summary>
    public static void Switch(LogicalProcessor* processor, TrapFrame* next)
    {
        var owner = (TrapFrame*)processor->FloatOwner;
        if (owner == next)
            return;
        if (owner != null)
            Save(owner);
        if (owner == null || !AreAlike(owner, next))
            Load(next);
        processor->FloatOwner = next;
    }

    /// <summary>The thread with this user frame never runs again.</summary>
    public static void Forget(LogicalProcessor* processor, TrapFrame* frame)
    {
        if (processor->FloatOwner == frame)
            processor->FloatOwner = null;
    }

    private static bool AreAlike(TrapFrame* one, TrapFrame* other) =>
        AreAlike(one->Fx, other->Fx, Length) && (!s_hasUpper || AreAlike(UpperOf(one), UpperOf(other), UpperBytes));

    private static bool AreAlike(byte* one, byte* other, int length)
    {
        ulong* first = (ulong*)one;
        ulong* second = (ulong*)other;
        for (int i = 0; i < length / sizeof(ulong); i++)
            if (first[i] != second[i])
                return false;
        return true;
    }
}
