using System;

namespace Domain;

/// <summary>String instructions, with REP page by page (SDM vol. 1, 7.3.9).</summary>
/// <remarks>
/// Src and Base are the offsets of the source's and the destination's segment base; Index is the source's segment, and
/// Disp 1 has
/// segments checked. Scale is a <see cref="StringAddress"/>. Imm: 0 once, 1 REP or REPE, 2 REPNE.
/// Registers advance as elements complete, so a fault, or giving way to interrupts, restarts in the middle.
/// </remarks>
internal static unsafe class String<TSize> where TSize : struct, ISize
{
    /// <summary>What a repetition may spend before it lets the run loop look around: some 20 microseconds.</summary>
    private const int Slice = 1 << 13;

    /// <summary>
    /// Cost of an element that takes the slow path, and of a port; one that does not is 1, and so are 16 bytes in bulk.
    /// </summary>
    private const int SlowCost = 32, PortCost = 128;

    /// <summary>Stepped, each element is followed by a trap (SDM vol. 3, 17.3.1.4).</summary>
    private static int Allowance(CpuState* s) => s->Step ? 1 : Slice;

    private static int Cost(CpuState* s, byte* at) => at == (byte*)s->Scratch ? SlowCost : 1;

    private static ulong Target(CpuState* s, Op* op) =>
        Mmu.Linear(s, (s->Gpr[7] & Width(op)) + *(ulong*)((byte*)s + op->Base));

    /// <summary>The checks of 32- and 16-bit code: true after a fault.</summary>
    private static bool RefusesSource(CpuState* s, Op* op) =>
        op->Disp != 0 && Refuses(s, op, op->Index, s->Gpr[6], false);

    private static bool RefusesTarget(CpuState* s, Op* op, bool write) =>
        op->Disp != 0 && Refuses(s, op, Cpu.SegmentEs, s->Gpr[7], write);

    private static bool Refuses(CpuState* s, Op* op, int segment, ulong offset, bool write)
    {
        if (Segment.Allows(s, segment, offset & Width(op), TSize.Bytes, write))
            return false;
        Segment.Refuse(s, op, segment);
        return true;
    }

    private static ulong Source(CpuState* s, Op* op) =>
        Mmu.Linear(s, (s->Gpr[6] & Width(op)) + *(ulong*)((byte*)s + op->Src));

    private static ulong Width(Op* op) => op->Scale switch
    {
        0 => ulong.MaxValue,
        StringAddress.Narrow => uint.MaxValue,
        _ => ushort.MaxValue,
    };

    private static ulong Step(CpuState* s) =>
        (s->SystemFlags & Flags.DF) == 0 ? (ulong)TSize.Bytes : 0 - (ulong)TSize.Bytes;

    private static ulong Remaining(CpuState* s, Op* op) => op->Imm == 0 ? 1 : s->Gpr[1] & Width(op);

    private static void Advance(CpuState* s, Op* op, int register, ulong by)
    {
        if (op->Scale == 0)
            s->Gpr[register] += by;
        else if (op->Scale == StringAddress.Narrow)
            s->Gpr[register] = (uint)(s->Gpr[register] + by);
        else
            *(ushort*)&s->Gpr[register] += (ushort)by;
    }

    private static void CountDown(CpuState* s, Op* op, ulong elements)
    {
        if (op->Imm != 0)
            Advance(s, op, 1, 0 - elements);
    }

    private static void Pause(CpuState* s, Op* op)
    {
        s->Rip = op->Rip;
        s->Budget -= op->Count;
    }

    private static ulong Fitting(ulong address, ulong elements) =>
        Math.Min(elements, (4096 - (address & Mmu.OffsetMask)) / (ulong)TSize.Bytes);

    public static void Move(CpuState* s, Op* op)
    {
        ulong step = Step(s);
        int allowance = Allowance(s);
        for (ulong left = Remaining(s, op); left != 0;)
        {
            if (allowance <= 0)
            {
                Pause(s, op);
                return;
            }
            if (RefusesSource(s, op) || RefusesTarget(s, op, true))
                return;
            ulong from = Source(s, op), to = Target(s, op);
            byte* source = Mmu.Read(s, op, from, TSize.Bytes);
            if (source == null)
                return;
            ulong elements = 1;
            byte* target = Mmu.WriteHit(s, to, TSize.Bytes);
            if (target == null)
            {
                if (!Mmu.Owner(s).WriteSlow(op, to, TSize.Bytes, TSize.Load(source), 0))
                    return;
                allowance -= SlowCost;
            }
            else if ((long)step < 0 || source == (byte*)s->Scratch || left == 1 || s->Step || op->Disp != 0
                || op->Scale == StringAddress.Short)
            {
                TSize.Store(target, TSize.Load(source));
                allowance -= Cost(s, source);
            }
            else
            {
                elements = Fitting(to, Fitting(from, left));
                ulong bytes = elements * (ulong)TSize.Bytes;
                allowance -= (int)bytes / 16 + 1;
                if (target > source && target < source + bytes)
                {
                    // Overlapping upwards, each element is seen by the next: the idiom that fills memory with a
                    // pattern.
                    for (ulong i = 0; i < bytes; i += (ulong)TSize.Bytes)
                        TSize.Store(target + i, TSize.Load(source + i));
                }
                else
                    Buffer.MemoryCopy(source, target, bytes, bytes);
            }
            Advance(s, op, 6, elements * step);
            Advance(s, op, 7, elements * step);
            CountDown(s, op, elements);
            left -= elements;
        }
        op[1].Handler(s, op + 1);
    }

    public static void Store(CpuState* s, Op* op)
    {
        ulong step = Step(s);
        ulong value = TSize.Load((byte*)s);
        int allowance = Allowance(s);
        for (ulong left = Remaining(s, op); left != 0;)
        {
            if (allowance <= 0)
            {
                Pause(s, op);
                return;
            }
            if (RefusesTarget(s, op, true))
                return;
            ulong to = Target(s, op);
            ulong elements = 1;
            byte* target = Mmu.WriteHit(s, to, TSize.Bytes);
            if (target == null)
            {
                if (!Mmu.Owner(s).WriteSlow(op, to, TSize.Bytes, value, 0))
                    return;
                allowance -= SlowCost;
            }
            else if ((long)step < 0 || left == 1 || s->Step || op->Disp != 0 || op->Scale == StringAddress.Short)
            {
                TSize.Store(target, value);
                allowance--;
            }
            else
            {
                elements = Fitting(to, left);
                allowance -= (int)elements * TSize.Bytes / 16 + 1;
                switch (TSize.Bytes)
                {
                    case 1: new Span<byte>(target, (int)elements).Fill((byte)value); break;
                    case 2: new Span<ushort>(target, (int)elements).Fill((ushort)value); break;
                    case 4: new Span<uint>(target, (int)elements).Fill((uint)value); break;
                    default: new Span<ulong>(target, (int)elements).Fill(value); break;
                }
            }
            Advance(s, op, 7, elements * step);
            CountDown(s, op, elements);
            left -= elements;
        }
        op[1].Handler(s, op + 1);
    }

    public static void Load(CpuState* s, Op* op)
    {
        ulong step = Step(s);
        int allowance = Allowance(s);
        for (ulong left = Remaining(s, op); left != 0; left--)
        {
            if (allowance <= 0)
            {
                Pause(s, op);
                return;
            }
            if (RefusesSource(s, op))
                return;
            byte* at = Mmu.Read(s, op, Source(s, op), TSize.Bytes);
            if (at == null)
                return;
            TSize.SetRegister((byte*)s, TSize.Load(at));
            allowance -= Cost(s, at);
            Advance(s, op, 6, step);
            CountDown(s, op, 1);
        }
        op[1].Handler(s, op + 1);
    }

    public static void Scan(CpuState* s, Op* op)
    {
        if (!ScanBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    // Flags are those of the last element: a repetition that is broken off by a fault, or gives way, leaves those from
    // before it (SDM vol. 1, 7.3.9.2), which only the elements that follow will overwrite. Stepped, each element counts.
    private static bool ScanBody(CpuState* s, Op* op)
    {
        ulong step = Step(s);
        ulong value = TSize.Load((byte*)s);
        ulong other = value;
        bool compared = false;
        int allowance = Allowance(s);
        for (ulong left = Remaining(s, op); left != 0; left--)
        {
            if (allowance <= 0)
            {
                if (s->Step)
                    AluSub.Apply<TSize>(s, value, other);
                Pause(s, op);
                return false;
            }
            if (RefusesTarget(s, op, false))
                return false;
            byte* at = Mmu.Read(s, op, Target(s, op), TSize.Bytes);
            if (at == null)
                return false;
            other = TSize.Load(at);
            compared = true;
            allowance -= Cost(s, at);
            Advance(s, op, 7, step);
            CountDown(s, op, 1);
            if (op->Imm != 0 && value == other != (op->Imm == 1))
                break;
        }
        if (compared)
            AluSub.Apply<TSize>(s, value, other);
        return true;
    }

    public static void Compare(CpuState* s, Op* op)
    {
        if (!CompareBody(s, op))
            return;
        op[1].Handler(s, op + 1);
    }

    private static bool CompareBody(CpuState* s, Op* op)
    {
        ulong step = Step(s);
        ulong first = 0;
        ulong second = 0;
        bool compared = false;
        int allowance = Allowance(s);
        for (ulong left = Remaining(s, op); left != 0; left--)
        {
            if (allowance <= 0)
            {
                if (s->Step)
                    AluSub.Apply<TSize>(s, first, second);
                Pause(s, op);
                return false;
            }
            if (RefusesSource(s, op) || RefusesTarget(s, op, false))
                return false;
            byte* at = Mmu.Read(s, op, Source(s, op), TSize.Bytes);
            if (at == null)
                return false;
            first = TSize.Load(at);
            allowance -= Cost(s, at);
            at = Mmu.Read(s, op, Target(s, op), TSize.Bytes);
            if (at == null)
                return false;
            second = TSize.Load(at);
            compared = true;
            allowance -= Cost(s, at);
            Advance(s, op, 6, step);
            Advance(s, op, 7, step);
            CountDown(s, op, 1);
            if (op->Imm != 0 && first == second != (op->Imm == 1))
                break;
        }
        if (compared)
            AluSub.Apply<TSize>(s, first, second);
        return true;
    }

    /// <summary>INS.</summary>
    public static void Input(CpuState* s, Op* op)
    {
        if (!Cpu.MayUsePorts(s, op))
            return;
        ulong step = Step(s);
        int allowance = Allowance(s);
        for (ulong left = Remaining(s, op); left != 0; left--)
        {
            if (allowance <= 0)
            {
                Pause(s, op);
                return;
            }
            allowance -= PortCost;
            if (RefusesTarget(s, op, true))
                return;
            ulong to = Target(s, op);
            var owner = Mmu.Owner(s);
            // The port must not be read before it is certain that the value can be stored.
            if (!owner.ProbeWrite(op, to, TSize.Bytes))
                return;
            owner.WriteSlow(op, to, TSize.Bytes, owner.PortIn((ushort)s->Gpr[2], TSize.Bytes), 0);
            Advance(s, op, 7, step);
            CountDown(s, op, 1);
        }
        op[1].Handler(s, op + 1);
    }

    /// <summary>OUTS.</summary>
    public static void Output(CpuState* s, Op* op)
    {
        if (!Cpu.MayUsePorts(s, op))
            return;
        ulong step = Step(s);
        int allowance = Allowance(s);
        for (ulong left = Remaining(s, op); left != 0; left--)
        {
            if (allowance <= 0)
            {
                Pause(s, op);
                return;
            }
            allowance -= PortCost;
            if (RefusesSource(s, op))
                return;
            byte* at = Mmu.Read(s, op, Source(s, op), TSize.Bytes);
            if (at == null)
                return;
            Mmu.Owner(s).PortOut((ushort)s->Gpr[2], TSize.Bytes, (uint)TSize.Load(at));
            Advance(s, op, 6, step);
            CountDown(s, op, 1);
        }
        op[1].Handler(s, op + 1);
    }
}

/// <summary>Index registers and counts of 32 and of 16 bits.</summary>
internal static class StringAddress
{
    public const byte Narrow = 1, Short = 2;
}
