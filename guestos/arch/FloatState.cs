using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// x87 and MXCSR of user mode. The kernel has no instruction that uses them, so they stay in the processor until
/// another thread runs, and a frame (<see cref="TrapFrame.Fx"/>) has them only behind <see cref="Save"/>. The XMM
/// registers, which the kernel uses to copy, are in the frame on every way into the kernel (Traps.S).
/// </summary>
internal static unsafe class FloatState
{
    /// <summary>Bytes of an FXSAVE image before XMM0 (SDM vol. 1 table 10-2): x87 and MXCSR.</summary>
    private const int Length = 160;

    /// <summary>Where XMM15 ends: the rest of the image is reserved, and zero.</summary>
    private const int Used = 416;

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
    }

    /// <summary>Gives the processor what a user frame of the current thread has.</summary>
    public static void Load(TrapFrame* frame) => Symbols.LoadFloat(frame->Fx);

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

    private static bool AreAlike(TrapFrame* one, TrapFrame* other)
    {
        ulong* first = (ulong*)one->Fx;
        ulong* second = (ulong*)other->Fx;
        for (int i = 0; i < Length / sizeof(ulong); i++)
            if (first[i] != second[i])
                return false;
        return true;
    }
}
