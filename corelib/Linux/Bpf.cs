using System.Runtime.InteropServices;

namespace System.Linux;

/// <summary>One instruction of classic BPF: struct sock_filter (linux/filter.h).</summary>
/// <param name="code">What it does.</param>
/// <param name="jt">Of a jump: how many instructions it skips where the condition holds.</param>
/// <param name="jf">How many where it does not.</param>
/// <param name="k">A number that it works with.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct SockFilter(ushort code, byte jt, byte jf, uint k)
{
    private readonly ushort code = code;
    private readonly byte jt = jt;
    private readonly byte jf = jf;
    private readonly uint k = k;

    /// <summary>BPF_STMT.</summary>
    public SockFilter(ushort code, uint k)
        : this(code, 0, 0, k)
    {
    }
}

/// <summary>struct sock_fprog.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly unsafe struct SockProgram(ReadOnlySpan<SockFilter> program)
{
    private readonly ulong length = (ulong)program.Length;
    private readonly nint filter = Syscall.AddressOf(program);
}

/// <summary>Codes of instructions, as Linux's macros make them of two or three parts (linux/bpf_common.h).</summary>
internal static class Bpf
{
    /// <summary>BPF_LD | BPF_W | BPF_ABS: the 32 bits at offset k.</summary>
    public const ushort LoadWord = 0x20;

    /// <summary>BPF_LD | BPF_B | BPF_ABS.</summary>
    public const ushort LoadByte = 0x30;

    /// <summary>BPF_JMP | BPF_JEQ | BPF_K: whether what was loaded is k.</summary>
    public const ushort JumpIfEqual = 0x15;

    /// <summary>BPF_JMP | BPF_JGE | BPF_K.</summary>
    public const ushort JumpIfAtLeast = 0x35;

    /// <summary>BPF_JMP | BPF_JSET | BPF_K: whether a bit of k is set in what was loaded.</summary>
    public const ushort JumpIfSet = 0x45;

    /// <summary>BPF_RET | BPF_K.</summary>
    public const ushort Return = 0x06;
}
