using System;
using System.Collections.Generic;
using System.Numerics;
using Iced.Intel;
using static Domain.GuestRegisters;

namespace Domain;

/// <summary>
/// Functions of one instruction in VEX encoding each, with which the interpreter has the host execute it: registers
/// come from <see cref="CpuState"/> and go back there, a memory operand is <see cref="CpuState.VectorOperand"/>.
/// </summary>
/// <remarks>
/// They lie in a room of their own in the code memory, and are dropped with all blocks. Nothing in them depends on the
/// guest's memory, and none of them reaches any but the state.
/// </remarks>
internal sealed unsafe class VectorThunks
{
    /// <summary>More than one function takes.</summary>
    private const int MaxBytes = 128;

    /// <summary>More than what one block needs takes: each instruction is written twice at most.</summary>
    private const int MaxBlockBytes = 2 * BlockBuilder.MaxInstructions * MaxBytes;

    /// <summary>Bytes of code memory for them, of this many.</summary>
    public static int RoomOf(int codeBytes) => Math.Max(codeBytes / 16, 2 * MaxBlockBytes);

    private readonly CpuState* s;
    private readonly Emitter emit;
    private readonly uint first;
    private readonly Dictionary<ulong, uint> known = [];

    /// <param name="emit">writes to the room</param>
    public VectorThunks(CpuState* s, Emitter emit)
    {
        this.s = s;
        this.emit = emit;
        first = emit.Here;
    }

    /// <summary>No room is left for one more block.</summary>
    public bool IsFull => emit.Left < MaxBlockBytes;

    /// <summary>Forgets all. No operation may lead to one any more.</summary>
    public void Clear()
    {
        known.Clear();
        emit.Seek(first);
    }

    /// <summary>The function for an instruction.</summary>
    /// <param name="at">its bytes</param>
    public uint Of(in Instruction i, byte* at)
    {
        var parts = new VexEncoding(in i, at);
        if (known.TryGetValue(parts.Key, out uint address))
            return address;
        address = emit.Here;
        Write(in i, in parts);
        if (emit.Overflowed)
            throw new InvalidOperationException("a function of a vector instruction does not fit");
        known.Add(parts.Key, address);
        return address;
    }

    private void Write(in Instruction i, in VexEncoding parts)
    {
        int general = -1;
        uint lower = 0;
        uint whole = 0;
        for (int operand = 0; operand < i.OpCount; operand++)
        {
            if (i.GetOpKind(operand) != OpKind.Register)
                continue;
            var register = i.GetOpRegister(operand);
            bool isRead = operand != 0 || parts.ReadsFirst;
            if (register.IsGPR())
                general = register.GetFullRegister().GetNumber();
            else if (isRead && register.IsYMM())
                whole |= 1u << register.GetNumber();
            else if (isRead)
                lower |= 1u << register.GetNumber();
        }
        for (uint all = lower | whole; all != 0; all &= all - 1)
        {
            int number = BitOperations.TrailingZeroCount(all);
            emit.LoadVector(number, Vector(number), (whole >> number & 1) != 0);
        }
        bool isResult = i.Op0Kind == OpKind.Register && i.Op0Register.IsGPR();
        if (general >= 0 && !isResult)
            emit.Load(Rax, HostOperand.Absolute(&s->Gpr[general]));
        bool isGeneralInField = general >= 0 && parts.HasGeneralField;
        var other = parts.HasMemory ? HostOperand.Absolute(s->VectorOperand)
            : HostOperand.Of(general >= 0 && !isGeneralInField ? Rax : parts.Other);
        parts.Write(emit, isGeneralInField ? Rax : parts.Register, other);
        if (isResult)
            emit.Store(HostOperand.Absolute(&s->Gpr[general]), Rax);
        else if (i.Op0Kind == OpKind.Register && !parts.Compares)
            emit.StoreVector(Vector(i.Op0Register.GetNumber()), i.Op0Register.GetNumber(), true);
        if (parts.Compares)
            KeepFlags();
        emit.ZeroUpper();
        emit.Return();
    }

    // Comparisons set ZF, PF and CF, and clear the others.
    private void KeepFlags()
    {
        emit.Byte(0x9f);                              // LAHF
        emit.Byte(0x0f);                              // MOVZX EAX, AH
        emit.Byte(0xb6);
        emit.Byte(0xc4);
        emit.AndImmediate32(Rax, (int)(Flags.Arithmetic & ~Flags.OF));
        emit.Store32(HostOperand.Absolute(&s->FlagBits), Rax);
        emit.StoreImmediate32(HostOperand.Absolute(&s->FlagKind), Flags.Explicit);
    }

    private HostOperand Vector(int number) => HostOperand.Absolute(&s->Ymm[4 * number]);
}
