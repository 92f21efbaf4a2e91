using System;
using System.Linux;
using static System.Linux.CallNumber;
using static System.Linux.Uapi;
using Bpf = System.Linux.Bpf;

namespace Plug;

/// <summary>
/// What the program gives up once the monitor runs: from then on it reads frames of strangers, and needs few system
/// calls for that.
/// </summary>
internal static class Confinement
{
    /// <summary>The system calls that are left to the program while the monitor runs.</summary>
    private static ReadOnlySpan<CallNumber> WhileRelaying =>
        [RecvFrom, SendTo, Ppoll, Read, Write, Wait4, SigAction, SigProcMask, Kill, ExitGroup];

    /// <summary>
    /// For the monitor as well: packetd has done it already, a person who starts this by hand may not have.
    /// </summary>
    public static bool ForbidNewPrivileges() => Syscall.Call(Prctl, PR_SET_NO_NEW_PRIVS, 1) == 0;

    /// <summary>
    /// Any call but those in <see cref="WhileRelaying"/> kills the process, and so the machine (seccomp(2)).
    /// </summary>
    public static bool Enter()
    {
        const int ListAt = 3;
        ReadOnlySpan<CallNumber> calls = WhileRelaying;
        Span<SockFilter> filter = stackalloc SockFilter[ListAt + calls.Length + Seccomp.AllowOnlySize];
        filter[0] = new(Bpf.LoadWord, Seccomp.ArchitectureAt);
        filter[1] = new(Bpf.JumpIfEqual, 1, 0, Architecture.Audit);
        filter[2] = new(Bpf.Return, SECCOMP_RET_KILL_PROCESS);
        Seccomp.AllowOnly(filter.Slice(ListAt), calls);
        return Seccomp.Install(filter) == 0;
    }
}
