namespace Domain;

/// <summary>Exceptions and interrupts: delivery through the 64-bit IDT (SDM vol. 3, chapter 6).</summary>
public sealed unsafe partial class Cpu
{
    private const uint ErrorPresent = 1, ErrorWrite = 2, ErrorUser = 4, ErrorReserved = 8, ErrorFetch = 16;
    private const ulong FrameBytes = 48;
    private const uint ErrorExternal = 1, ErrorIdt = 2;

    private enum EventKind
    {
        Exception,
        Software,
        External,
    }

    private void NoteException(int vector, uint error)
    {
        s->Exit = ExitReason.Exception;
        s->Vector = vector;
        s->ErrorCode = error;
    }

    /// <summary>Ends the current instruction with a fault.</summary>
    internal static void Raise(CpuState* s, Op* op, int vector, uint error = 0)
    {
        s->Rip = op->Rip;
        s->Budget -= op->Count;
        s->Exit = ExitReason.Exception;
        s->Vector = vector;
        s->ErrorCode = error;
    }

    private static bool HasErrorCode(int vector) => vector is 8 or >= 10 and <= 14 or 17 or 21;

    private static bool IsContributory(int vector) => vector is 0 or >= 10 and <= 13;

    /// <summary>
    /// Enters the handler of an event; an exception on the way becomes the next one or a double fault.
    /// </summary>
    /// <returns>false: triple fault</returns>
    private bool Deliver(int vector, uint error, EventKind kind)
    {
        while (!TryDeliver(vector, error, kind))
        {
            int second = s->Vector;
            // EXT: the fault is not the program's own, but met on the way to a handler.
            if (kind != EventKind.Software && second is >= ExceptionVector.TS and <= ExceptionVector.GP)
                s->ErrorCode |= ErrorExternal;
            if (kind == EventKind.Exception)
            {
                if (vector == ExceptionVector.DF)
                    return false;
                bool both = IsContributory(vector) && IsContributory(second)
                    || vector == ExceptionVector.PF && (second == ExceptionVector.PF || IsContributory(second));
                vector = both ? ExceptionVector.DF : second;
                error = both ? 0 : s->ErrorCode;
            }
            else
            {
                if (kind == EventKind.Software)
                    s->Rip = s->InterruptRip;
                vector = second;
                error = s->ErrorCode;
                kind = EventKind.Exception;
            }
        }
        s->Exit = ExitReason.None;
        // Where the program goes on is not where its branch led.
        s->PendingLink = null;
        return true;
    }

    // SDM vol. 3, 18.3.1.1: a fault's frame resumes without meeting the same instruction breakpoint; traps, aborts and
    // INT n are none.
    private static bool IsFault(int vector, EventKind kind) =>
        kind == EventKind.Exception && vector is not (ExceptionVector.DB or ExceptionVector.BP or ExceptionVector.DF);

    private bool TryDeliver(int vector, uint error, EventKind kind)
    {
        uint selfError = (uint)vector * 8 + ErrorIdt;
        // Before long mode nothing of this machine takes an interrupt; what fails there ends in a shutdown.
        if ((s->Efer & Efer.LMA) == 0)
            return Refuse(ExceptionVector.DF, 0);
        if ((uint)vector * 16 + 15 > s->IdtLimit)
            return Refuse(ExceptionVector.GP, selfError);
        if (!ReadSystem(s->IdtBase + (ulong)vector * 16, 8, out ulong low)
            || !ReadSystem(s->IdtBase + (ulong)vector * 16 + 8, 8, out ulong high))
            return false;
        int type = (int)(low >> 40) & 0x1f;
        if (type is not (0xe or 0xf))
            return Refuse(ExceptionVector.GP, selfError);
        if (kind == EventKind.Software && ((int)(low >> 45) & 3) < s->Cpl)
            return Refuse(ExceptionVector.GP, selfError);
        if ((low >> 47 & 1) == 0)
            return Refuse(ExceptionVector.NP, selfError);
        ushort selector = (ushort)(low >> 16);
        ulong target = low & 0xffff | low >> 32 & 0xffff_0000 | high << 32;
        if (!ReadDescriptor(selector, out ulong code))
            return false;
        int level = Segment.LevelOf(code);
        bool conforming = (code & DescriptorConforming) != 0;
        if (!IsCode(code) || level > s->Cpl || (code & (DescriptorLong | DescriptorBig)) != DescriptorLong)
            return Refuse(ExceptionVector.GP, selector & 0xfffcu);
        if ((code & DescriptorPresent) == 0)
            return Refuse(ExceptionVector.NP, selector & 0xfffcu);
        if (conforming)
            level = s->Cpl;

        int stackTable = (int)(low >> 32) & 7;
        ulong stack = s->Gpr[RegisterRsp];
        if (stackTable != 0 || level != s->Cpl)
        {
            ulong offset = stackTable != 0 ? 0x24 + 8 * (ulong)(stackTable - 1) : 4 + 8 * (ulong)level;
            if (offset + 7 > s->TssLimit)
                return Refuse(ExceptionVector.TS, s->TssSelector & 0xfffcu);
            if (!ReadSystem(s->TssBase + offset, 8, out stack))
                return false;
        }
        stack &= ~15UL;
        ulong frame = stack;
        if (!IsCanonical(stack - 8) || !IsCanonical(stack - FrameBytes))
            return Refuse(ExceptionVector.SS, 0);
        if (!WriteSystem(frame -= 8, s->Selector[SegmentSs])
            || !WriteSystem(frame -= 8, s->Gpr[RegisterRsp])
            || !WriteSystem(frame -= 8, Flags.Image(s) | (IsFault(vector, kind) ? Flags.RF : 0))
            || !WriteSystem(frame -= 8, s->Selector[SegmentCs])
            || !WriteSystem(frame -= 8, s->Rip))
            return false;
        if (kind == EventKind.Exception && HasErrorCode(vector) && !WriteSystem(frame -= 8, error))
            return false;

        if (level != s->Cpl)
            Segment.Set(s, SegmentSs, (ushort)level, 0);
        s->Gpr[RegisterRsp] = frame;
        EnterCode(selector, code, level);
        s->SystemFlags &= ~(Flags.TF | Flags.NT | Flags.RF | (type == 0xe ? Flags.IF : 0));
        s->Rip = target;
        return true;
    }

    private bool Refuse(int vector, uint error)
    {
        NoteException(vector, error);
        return false;
    }
}
