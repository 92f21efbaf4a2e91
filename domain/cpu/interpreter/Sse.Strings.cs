using System.Numerics;

namespace Domain;

/// <summary>PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM in software (SDM vol. 2, 4.1).</summary>
internal static unsafe class SseStrings
{
    /// <summary>Imm: control byte. Scale: bit 0 mask result, bit 1 explicit lengths, bit 2 64-bit lengths.</summary>
    public static void Compare(CpuState* s, Op* op)
    {
        int control = (int)op->Imm;
        bool words = (control & 1) != 0;
        int elements = words ? 8 : 16;
        byte* a = (byte*)s + op->Dst;
        byte* b = (byte*)s + op->Src;
        bool explicitLengths = (op->Scale & 2) != 0;
        int lengthA = explicitLengths ? Length(s->Gpr[0], (op->Scale & 4) != 0, elements)
            : Terminated(a, words, elements);
        int lengthB = explicitLengths ? Length(s->Gpr[2], (op->Scale & 4) != 0, elements)
            : Terminated(b, words, elements);
        bool signed = (control & 2) != 0;

        uint result = 0;
        for (int j = 0; j < elements; j++)
        {
            bool hit = false;
            switch (control >> 2 & 3)
            {
                case 0: // equal any: is b[j] one of a
                    for (int i = 0; i < lengthA && !hit; i++)
                        hit = j < lengthB && Element(a, i, words, signed) == Element(b, j, words, signed);
                    break;
                case 1: // ranges: is b[j] within a pair of a
                    for (int i = 0; i + 1 < lengthA && !hit; i += 2)
                    {
                        int value = Element(b, j, words, signed);
                        hit = j < lengthB && value >= Element(a, i, words, signed)
                            && value <= Element(a, i + 1, words, signed);
                    }
                    break;
                case 2: // equal each
                    hit = j >= lengthA && j >= lengthB
                        || j < lengthA && j < lengthB && Element(a, j, words, signed) == Element(b, j, words, signed);
                    break;
                default: // equal ordered: does a occur in b at j
                    hit = true;
                    for (int i = 0; i < lengthA && i + j < elements && hit; i++)
                        hit = i + j < lengthB && Element(a, i, words, signed) == Element(b, i + j, words, signed);
                    break;
            }
            if (hit)
                result |= 1u << j;
        }
        uint all = (1u << elements) - 1;
        if ((control & 0x10) != 0)
            result ^= (control & 0x20) != 0 ? (1u << lengthB) - 1 : all;

        if ((op->Scale & 1) == 0)
        {
            s->Gpr[1] = result == 0 ? (uint)elements
                : (control & 0x40) != 0 ? (uint)BitOperations.Log2(result)
                    : (uint)BitOperations.TrailingZeroCount(result);
        }
        else if ((control & 0x40) == 0)
        {
            s->Ymm[0] = result;
            s->Ymm[1] = 0;
        }
        else
        {
            for (int i = 0; i < elements; i++)
            {
                int value = (result >> i & 1) != 0 ? -1 : 0;
                if (words)
                    ((short*)s->Ymm)[i] = (short)value;
                else
                    ((sbyte*)s->Ymm)[i] = (sbyte)value;
            }
        }
        Flags.Set(s, (result != 0 ? Flags.CF : 0) | (lengthB < elements ? Flags.ZF : 0)
            | (lengthA < elements ? Flags.SF : 0)
            | ((result & 1) != 0 ? Flags.OF : 0));
        op[1].Handler(s, op + 1);
    }

    private static int Length(ulong register, bool wide, int elements)
    {
        long length = wide ? (long)register : (int)register;
        if (length < 0)
            length = -length;
        return length < 0 || length > elements ? elements : (int)length;
    }

    private static int Terminated(byte* at, bool words, int elements)
    {
        int length = 0;
        while (length < elements && Element(at, length, words, false) != 0)
            length++;
        return length;
    }

    private static int Element(byte* at, int index, bool words, bool signed) => words
        ? signed ? ((short*)at)[index] : ((ushort*)at)[index]
        : signed ? ((sbyte*)at)[index] : at[index];
}
