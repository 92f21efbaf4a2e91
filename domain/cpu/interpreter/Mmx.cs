namespace Domain;

/// <summary>
/// MMX: its registers are the significands of R0–R7. The arithmetic is SSE's on vectors whose upper half does not
/// count.
/// </summary>
/// <remarks>
/// An instruction is Begin (operands to <see cref="CpuState.MmxLeft"/> and <see cref="CpuState.XmmTemp"/>), an SSE
/// operation on those, End (the result's low word back). Every MMX instruction resets TOP and marks all registers valid
/// (SDM vol. 1, 9.5).
/// </remarks>
internal static unsafe class Mmx
{
    /// <summary>How <see cref="Begin"/> lays out destination d and source s.</summary>
    public const byte Apart = 0, Joined = 1, Shuffled = 2, Aligned = 3;

    private static void Enter(CpuState* s)
    {
        s->FpuTop = 0;
        s->FpuValid = 0xff;
    }

    /// <summary>What every MMX instruction does to the x87 state.</summary>
    public static void Enter(CpuState* s, Op* op)
    {
        Enter(s);
        op[1].Handler(s, op + 1);
    }

    public static void Begin(CpuState* s, Op* op)
    {
        Enter(s);
        ulong left = *(ulong*)((byte*)s + op->Dst), right = *(ulong*)((byte*)s + op->Src);
        ulong high = 0;
        switch (op->Scale)
        {
            case Joined:
                // Packing and horizontal operations take both operands as one vector.
                high = right;
                break;
            case Shuffled:
                // Selectors have one bit less than SSE's.
                right &= 0x8787_8787_8787_8787;
                break;
            case Aligned:
                (left, high) = (right, left);
                break;
        }
        s->MmxLeft[0] = left;
        s->MmxLeft[1] = high;
        s->XmmTemp[0] = op->Scale == Joined ? left : right;
        s->XmmTemp[1] = op->Scale == Joined ? high : 0;
        op[1].Handler(s, op + 1);
    }

    /// <summary>Word Scale of the result to the register.</summary>
    public static void End(CpuState* s, Op* op)
    {
        ulong* to = (ulong*)((byte*)s + op->Dst);
        to[0] = s->MmxLeft[op->Scale];
        to[1] = 0xffff;
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVQ and MOVD to an MMX register, from anything in the state.</summary>
    public static void Load<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        Enter(s);
        ulong* to = (ulong*)((byte*)s + op->Dst);
        to[0] = TSize.Load((byte*)s + op->Src);
        to[1] = 0xffff;
        op[1].Handler(s, op + 1);
    }

    /// <summary>
    /// MOVQ, MOVD and MOVNTQ from an MMX register to a general one or Temp. <see cref="Enter(CpuState*, Op*)"/> must
    /// follow.
    /// </summary>
    public static void Store<TSize>(CpuState* s, Op* op) where TSize : struct, ISize
    {
        TSize.SetRegister((byte*)s + op->Dst, *(ulong*)((byte*)s + op->Src));
        op[1].Handler(s, op + 1);
    }

    /// <summary>MOVQ2DQ.</summary>
    public static void ToVector(CpuState* s, Op* op)
    {
        Enter(s);
        ulong* to = (ulong*)((byte*)s + op->Dst);
        to[0] = *(ulong*)((byte*)s + op->Src);
        to[1] = 0;
        op[1].Handler(s, op + 1);
    }

    /// <summary>PINSRW: word Imm of the register.</summary>
    public static void InsertWord(CpuState* s, Op* op)
    {
        Enter(s);
        ushort* to = (ushort*)((byte*)s + op->Dst);
        to[op->Imm & 3] = *(ushort*)((byte*)s + op->Src);
        to[4] = 0xffff;
        op[1].Handler(s, op + 1);
    }
}
