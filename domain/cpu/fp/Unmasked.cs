using System;
using System.Runtime.CompilerServices;
using Iced.Intel;

namespace Domain;

/// <summary>
/// Exceptions of SSE and AVX that MXCSR does not mask: #XM, or #UD while CR4.OSXMMEXCPT is clear (SDM vol. 1, 11.5).
/// </summary>
/// <remarks>
/// The host has all of them masked. Around each instruction that may raise one, <see cref="Begin"/> keeps the registers
/// and <see cref="End"/> looks at what has been raised: where some of that is not masked, the instruction has changed
/// nothing but the flags of MXCSR, and x87's stack where it has a register of MMX. Only blocks that are decoded while some exception is unmasked have these operations.
/// </remarks>
internal static unsafe class Unmasked
{
    /// <summary>From <see cref="CpuState.Gpr"/> to <see cref="CpuState.Fpu"/>.</summary>
    public const int RegisterWords = 104;

    private const uint Underflow = 0x10;

    /// <summary>
    /// Invalid, denormal, zero divide: found before anything is computed, so that nothing else is raised where one of
    /// them is not masked.
    /// </summary>
    private const uint BeforeComputing = 7;

    public static void Begin(CpuState* s, Op* op)
    {
        HostFloat.Collect(s);
        s->Raised = 0;
        s->KeptMxcsr = s->Mxcsr;
        Unsafe.CopyBlock(s->KeptRegisters, s->Gpr, RegisterWords * sizeof(ulong));
        s->KeptFlagKind = s->FlagKind;
        s->KeptFlagBits = s->FlagBits;
        s->KeptFlagResult = s->FlagResult;
        s->KeptFlagSource = s->FlagSource;
        op[1].Handler(s, op + 1);
    }

    /// <summary>
    /// Imm results of Scale bytes at Dst are those of an operation that raises underflow when they are tiny, also
    /// exactly, while that is unmasked (SDM vol. 1, 4.9.1.5).
    /// </summary>
    public static void End(CpuState* s, Op* op)
    {
        uint unmasked = ~(s->KeptMxcsr >> 7) & HostFloat.Flags;
        uint raised = HostFloat.TakeRaised(s) | s->Raised;
        if ((raised & unmasked & BeforeComputing) != 0)
            raised &= BeforeComputing;
        else if ((unmasked & Underflow) != 0 && IsTiny((byte*)s + op->Dst, op->Scale, (int)op->Imm))
            raised |= Underflow;
        s->Mxcsr = s->KeptMxcsr | raised;
        if ((raised & unmasked) == 0)
        {
            op[1].Handler(s, op + 1);
            return;
        }
        Unsafe.CopyBlock(s->Gpr, s->KeptRegisters, RegisterWords * sizeof(ulong));
        s->FlagKind = s->KeptFlagKind;
        s->FlagBits = s->KeptFlagBits;
        s->FlagResult = s->KeptFlagResult;
        s->FlagSource = s->KeptFlagSource;
        Cpu.Raise(s, op, (s->Cr4 & Cr4.OSXMMEXCPT) != 0 ? ExceptionVector.XM : ExceptionVector.UD);
    }

    private static bool IsTiny(byte* result, int bytes, int count)
    {
        for (int i = 0; i < count; i++)
        {
            ulong magnitude = bytes == 4 ? ((uint*)result)[i] & 0x7fff_ffffu : ((ulong*)result)[i] & long.MaxValue;
            ulong least = bytes == 4 ? 1UL << 23 : 1UL << 52;
            if (magnitude != 0 && magnitude < least)
                return true;
        }
        return false;
    }
}

/// <summary>Which instructions raise exceptions of SSE, by their names.</summary>
internal static class UnmaskedForms
{
    /// <summary>0: not looked at yet, 1: raises none, 2: raises some, 3: underflow among them.</summary>
    private static readonly byte[] s_kinds = new byte[4096];

    private static readonly string[] s_tiny = ["add", "sub", "mul", "div", "hadd", "hsub", "dp", "fm", "fnm"];

    private static readonly string[] s_others = ["min", "max", "sqrt", "cmp", "round", "comis", "ucomis"];

    public static bool MayRaise(Mnemonic mnemonic) => KindOf(mnemonic) > 1;

    /// <summary>
    /// Size and number of the results in a register of <paramref name="size"/> bytes that may raise underflow.
    /// </summary>
    public static (int Bytes, int Count) MayBeTiny(Mnemonic mnemonic, int size)
    {
        if (KindOf(mnemonic) < 3)
            return (4, 0);
        string name = mnemonic.ToString();
        int bytes = name.EndsWith('d') ? 8 : 4;
        return (bytes, name[^2] is 's' or 'S' ? 1 : size / bytes);
    }

    private static byte KindOf(Mnemonic mnemonic)
    {
        ref byte kind = ref s_kinds[(int)mnemonic];
        if (kind == 0)
            kind = Judge(mnemonic.ToString().ToLowerInvariant());
        return kind;
    }

    private static byte Judge(string name)
    {
        if (name.StartsWith('v'))
            name = name[1..];
        if (name.StartsWith("cvt", StringComparison.Ordinal))
            return name is "cvtsd2ss" or "cvtpd2ps" ? (byte)3 : (byte)2;
        bool isFloat = name.EndsWith("ps", StringComparison.Ordinal) || name.EndsWith("pd", StringComparison.Ordinal)
            || name.EndsWith("ss", StringComparison.Ordinal) || name.EndsWith("sd", StringComparison.Ordinal);
        if (!isFloat)
            return 1;
        foreach (string start in s_tiny)
        {
            if (name.StartsWith(start, StringComparison.Ordinal))
                return 3;
        }
        foreach (string start in s_others)
        {
            if (name.StartsWith(start, StringComparison.Ordinal))
                return 2;
        }
        return 1;
    }
}
