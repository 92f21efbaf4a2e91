using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Domain.Linux;

namespace Domain.Sandbox;

/// <summary>
/// Builds and installs a seccomp filter in classic BPF (Linux: Documentation/userspace-api/seccomp_filter.rst).
/// </summary>
/// <remarks>An allowlist: a call that no rule names, or whose arguments no rule permits, kills the process.</remarks>
internal sealed unsafe class SeccompFilter
{
    public const uint KillProcess = 0x8000_0000, Allow = 0x7fff_0000, ErrnoAction = 0x0005_0000;

    private const int SYS_seccomp = 317, NoDescriptor = -1;
    private const int SetModeFilter = 1, SynchroniseThreads = 1;

    // struct seccomp_data: nr at 0, arch at 4, instruction pointer at 8, six 64-bit arguments from 16.
    private const uint NumberOffset = 0, ArchitectureOffset = 4, ArgumentsOffset = 16;
    private const uint ArchitectureX64 = 0xc000_003e;

    // BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JSET|BPF_K, BPF_RET|BPF_K.
    private const ushort Load = 0x20, JumpIfEqual = 0x15, JumpIfSet = 0x45, Return = 0x06;

    [StructLayout(LayoutKind.Sequential)]
    private struct Instruction
    {
        public ushort Code;
        public byte IfTrue, IfFalse;
        public uint Value;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Program
    {
        public ushort Length;
        public Instruction* Instructions;
    }

    private readonly List<Instruction> code = [];
    private readonly uint refused;

    /// <param name="refused">what happens to a call that is not permitted</param>
    public SeccompFilter(uint refused = KillProcess)
    {
        this.refused = refused;
        Add(Load, ArchitectureOffset);
        Add(JumpIfEqual, ArchitectureX64, 1, 0);
        Add(Return, KillProcess);
        Add(Load, NumberOffset);
    }

    /// <summary>Permits calls whatever their arguments.</summary>
    public SeccompFilter Permit(params ReadOnlySpan<int> numbers)
    {
        foreach (int number in numbers)
        {
            Add(JumpIfEqual, (uint)number, 0, 1);
            Add(Return, Allow);
        }
        return this;
    }

    /// <summary>
    /// A call that is not permitted either, but fails with an error (errno(3)) where others kill the process: nothing
    /// is done, and the caller goes on.
    /// </summary>
    public SeccompFilter Fail(int number, int error)
    {
        Add(JumpIfEqual, (uint)number, 0, 1);
        Add(Return, refused == KillProcess ? ErrnoAction | (uint)error : refused);
        return this;
    }

    /// <summary>
    /// Permits one call when an argument (0 to 5) has one of these values in its low 32 bits, as the kernel reads an
    /// int.
    /// </summary>
    /// <param name="values">-1 stands for a descriptor that does not exist and permits nothing</param>
    public SeccompFilter PermitWhen(int number, int argument, params ReadOnlySpan<int> values)
    {
        int count = 0;
        foreach (int value in values)
            count += value == NoDescriptor ? 0 : 1;
        Add(JumpIfEqual, (uint)number, 0, (byte)(2 + 2 * count));
        Add(Load, ArgumentsOffset + 8 * (uint)argument);
        foreach (int value in values)
        {
            if (value == NoDescriptor)
                continue;
            Add(JumpIfEqual, (uint)value, 0, 1);
            Add(Return, Allow);
        }
        Add(Return, refused);
        return this;
    }

    /// <summary>
    /// Permits mmap(2) without a descriptor, with no flag but <paramref name="flags"/>, for one of two protections.
    /// </summary>
    public SeccompFilter PermitMapping(int number, uint flags, int protection, int otherProtection)
    {
        const uint ProtectionArgument = 2, FlagsArgument = 3, DescriptorArgument = 4;
        Add(JumpIfEqual, (uint)number, 0, 9);
        Add(Load, ArgumentsOffset + 8 * DescriptorArgument);
        Add(JumpIfEqual, uint.MaxValue, 0, 6);
        Add(Load, ArgumentsOffset + 8 * FlagsArgument);
        Add(JumpIfSet, ~flags, 4, 0);
        Add(Load, ArgumentsOffset + 8 * ProtectionArgument);
        Add(JumpIfEqual, (uint)protection, 1, 0);
        Add(JumpIfEqual, (uint)otherProtection, 0, 1);
        Add(Return, Allow);
        Add(Return, refused);
        return this;
    }

    /// <summary>Permits one call when two arguments are zero in all their bits.</summary>
    public SeccompFilter PermitWhenZero(int number, int first, int second)
    {
        Add(JumpIfEqual, (uint)number, 0, 10);
        foreach (int argument in (ReadOnlySpan<int>)[first, second])
        {
            Add(Load, ArgumentsOffset + 8 * (uint)argument);
            Add(JumpIfEqual, 0, 0, (byte)(argument == first ? 7 : 3));
            Add(Load, ArgumentsOffset + 8 * (uint)argument + 4);
            Add(JumpIfEqual, 0, 0, (byte)(argument == first ? 5 : 1));
        }
        Add(Return, Allow);
        Add(Return, refused);
        return this;
    }

    /// <summary>Installs the filter on all threads. Returns 0, or the kernel's error.</summary>
    public int Install()
    {
        Add(Return, refused);
        var instructions = CollectionsMarshal.AsSpan(code);
        fixed (Instruction* first = instructions)
        {
            var program = new Program { Length = (ushort)instructions.Length, Instructions = first };
            // SAFETY: the kernel copies the program before the call returns.
            nint result = Libc.syscall(SYS_seccomp, SetModeFilter, SynchroniseThreads, (nint)(&program), 0, 0, 0);
            // A positive answer names the thread that could not follow.
            return result == 0 ? 0 : result > 0 ? -1 : Libc.Errno;
        }
    }

    private void Add(ushort operation, uint value, byte ifTrue = 0, byte ifFalse = 0) =>
        code.Add(new Instruction { Code = operation, Value = value, IfTrue = ifTrue, IfFalse = ifFalse });
}
