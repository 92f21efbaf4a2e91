using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>The arithmetic flags: in the host's while they are fresh, saved where something would spoil them.</summary>
/// <remarks>
/// A flag is live where it may be read before it is written; behind the block every flag is. Only live flags are kept.
/// As in the interpreter, a fault may show stale values of flags that the rest of the block overwrites.
/// </remarks>
internal sealed unsafe partial class Translator
{
    private const RflagsBits Arithmetic = RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF
        | RflagsBits.CF | RflagsBits.PF;

    private readonly RflagsBits[] liveBefore = new RflagsBits[BlockBuilder.MaxInstructions];
    private readonly RflagsBits[] liveAfter = new RflagsBits[BlockBuilder.MaxInstructions];

    /// <summary>The live flags are in the host's register, in the state, or in both.</summary>
    private bool hostFlags, stateFlags;

    /// <summary>The state has them as <see cref="Flags.Saved"/>.</summary>
    private bool savedFlags;

    private void FindLiveFlags()
    {
        var live = Arithmetic;
        for (int at = builder.count - 1; at >= 0; at--)
        {
            liveAfter[at] = live;
            live = live & ~builder.flagsKilled[at] | builder.flagsRead[at];
            if (builder.instructions[at].FlowControl != FlowControl.Next)
                live = Arithmetic;
            liveBefore[at] = live;
        }
    }

    /// <summary>
    /// Flags to the state, if any is live and only the host has them. The host's stay. Spoils Scratch.
    /// </summary>
    private void KeepFlags(RflagsBits live)
    {
        if (live != 0 && hostFlags && !stateFlags)
            SaveFlags();
    }

    private void SaveFlags()
    {
        emit.Move(Scratch, Rax);
        emit.Byte(0x9f);                                    // LAHF
        emit.ModRm(0, false, 0x0f90, 0, HostOperand.Of(Rax));   // SETO AL
        emit.Store16(HostOperand.Absolute(&s->FlagBits), Rax);
        emit.StoreImmediate32(HostOperand.Absolute(&s->FlagKind), Flags.Saved);
        emit.Move(Rax, Scratch);
        stateFlags = savedFlags = true;
    }

    /// <summary>Saved flags to the host. Spoils Scratch.</summary>
    private void LoadFlags()
    {
        emit.Move(Scratch, Rax);
        emit.LoadZero16(Rax, HostOperand.Absolute(&s->FlagBits));
        emit.Byte(0x04);                                    // ADD AL, 0x7f: OF
        emit.Byte(0x7f);
        emit.Byte(0x9e);                                    // SAHF
        emit.Move(Rax, Scratch);
        hostFlags = true;
    }

    /// <summary>Before the instruction, the flags are in the host's register. Spoils Scratch and Pointer.</summary>
    private void NeedFlags(int at)
    {
        if (hostFlags)
            return;
        if (savedFlags)
        {
            LoadFlags();
            return;
        }
        // What the interpreter left is computed by it.
        int slot = builder.SlotCount;
        builder.Select(at);
        builder.Emit(&MakeExplicit).Count = (short)at;
        builder.Emit((Handler)(nuint)thunks.EnterWithFlags).Count = (short)at;
        emit.CmpImmediate32(HostOperand.Absolute(&s->FlagKind), Flags.Saved);
        cold.Add(new Cold(emit.JumpIf(HostCondition.NotEqual, emit.Here), slot, dirty));
        LoadFlags();
        EndSlowPath();
    }

    /// <summary>An operation: flags that may be lazy become explicit.</summary>
    private static void MakeExplicit(CpuState* s, Op* op)
    {
        Flags.Set(s, Flags.Get(s));
        op[1].Handler(s, op + 1);
    }
}
