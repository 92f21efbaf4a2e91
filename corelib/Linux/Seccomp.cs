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

    /// <summary>How many instructions more than calls <see cref="AllowOnly"/> writes.</summary>
    public const int AllowOnlySize = 3;

    /// <summary>
    /// Writes the end of a filter's program: the calls of the list are allowed, any other kills the process.
    /// </summary>
    /// <param name="program">Room for <see cref="AllowOnlySize"/> instructions more than calls.</param>
    public static void AllowOnly(Span<SockFilter> program, ReadOnlySpan<CallNumber> calls)
    {
        program[0] = new(LoadWord, NumberAt);
        for (int i = 0; i < calls.Length; i++)
            program[1 + i] = new(JumpIfEqual, (byte)(calls.Length - i), 0, (uint)calls[i]);
        program[1 + calls.Length] = new(Return, SECCOMP_RET_KILL_PROCESS);
        program[2 + calls.Length] = new(Return, SECCOMP_RET_ALLOW);
    }

    /// <summary>
    /// Has the kernel filter all further system calls of this process, of its children, and of the programs that they
    /// execute; that cannot be undone. 0, or −errno.
    /// </summary>
    public static int Install(ReadOnlySpan<SockFilter> filter)
    {
        SockProgram program = new(filter);
        return Call(CallNumber.Prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, AddressOf(ref program));
    }
}
