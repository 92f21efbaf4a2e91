using static System.Linux.Bpf;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace System.Linux;

/// <summary>Filters of system calls (seccomp(2)): programs of classic BPF over struct seccomp_data.</summary>
internal static class Seccomp
{
    // Offsets in struct seccomp_data (linux/seccomp.h). Its words of 64 bits have their lower half first.
    public const uint NumberAt = 0;
    public const uint ArchitectureAt = 4;
    public const uint InstructionPointerAt = 8;
    public const uint ArgumentsAt = 16;

    /// <summary>How much longer than its list a program of <see cref="AllowOnly"/> is.</summary>
    public const int AllowOnlySize = 3;

    /// <summary>Puts a program's end there: the calls of the list are allowed, any other kills the process.</summary>
    /// <param name="program"><see cref="AllowOnlySize"/> more than calls.</param>
    public static void AllowOnly(Span<SockFilter> program, ReadOnlySpan<CallNumber> calls)
    {
        program[0] = new(LoadWord, NumberAt);
        for (int i = 0; i < calls.Length; i++)
            program[1 + i] = new(JumpIfEqual, (byte)(calls.Length - i), 0, (uint)calls[i]);
        program[1 + calls.Length] = new(Return, SECCOMP_RET_KILL_PROCESS);
        program[2 + calls.Length] = new(Return, SECCOMP_RET_ALLOW);
    }

    /// <summary>
    /// Puts the filter in force, for good and for all that execve(2) and clone(2) make of the process. 0, or −errno.
    /// </summary>
    public static int Install(ReadOnlySpan<SockFilter> filter)
    {
        SockProgram program = new(filter);
        return Call(CallNumber.Prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, AddressOf(ref program));
    }
}
