using System;

namespace Plug;

/// <summary>What the program gives up once the monitor runs: it then handles what strangers send, and needs little for that.</summary>
internal static class Confinement
{
    private const int SetNoNewPrivileges = 38, SetSeccomp = 22, SeccompFilter = 2;

    /// <summary>For the monitor as well: packetd has done it already, a person who starts this by hand may not have.</summary>
    public static bool ForbidNewPrivileges() => Kernel.Do(Call.Prctl, SetNoNewPrivileges, 1) == 0;

    /// <summary>Any call but those in <see cref="Kernel.WhileRelaying"/> kills the process, and so the machine (seccomp(2)).</summary>
    public static bool Enter()
    {
        const ulong Load = 0x20, JumpIfEqual = 0x15, Return = 0x06;
        const ulong ArchitectureAt = 4, NumberAt = 0, X8664 = 0xC000003E, Allow = 0x7FFF0000, KillProcess = 0x80000000;
        ReadOnlySpan<ushort> allowed = Kernel.WhileRelaying;
        Span<ulong> program = stackalloc ulong[6 + allowed.Length];
        int at = 0;
        program[at++] = Load | ArchitectureAt << 32;
        program[at++] = JumpIfEqual | 1 << 16 | X8664 << 32;
        program[at++] = Return | KillProcess << 32;
        program[at++] = Load | NumberAt << 32;
        for (int i = 0; i < allowed.Length; i++)
            program[at++] = JumpIfEqual | (ulong)(allowed.Length - i) << 16 | (ulong)allowed[i] << 32;
        program[at++] = Return | KillProcess << 32;
        program[at] = Return | Allow << 32;
        Span<ulong> described = stackalloc ulong[] { (ulong)program.Length, (ulong)Kernel.At(program) }; // struct sock_fprog
        return Kernel.Do(Call.Prctl, SetSeccomp, SeccompFilter, Kernel.At(described)) == 0;
    }
}
