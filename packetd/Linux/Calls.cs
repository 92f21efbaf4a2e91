using System;
using System.Linux;
using static System.Linux.CallNumber;

namespace Packetd;

/// <summary>
/// Every system call that packetd makes. The audit compares both lists with the calls that the binary can make.
/// </summary>
internal static class Calls
{
    /// <summary>Those that the seccomp filter allows (see <see cref="Confinement"/>).</summary>
    public static ReadOnlySpan<CallNumber> WhileServing =>
    [
        Write, Close, Dup3, GetPid, SendTo, RecvFrom, SocketPair, SetSockOpt, Clone, Execve, WaitId, Kill,
        GetPpid, SetSid, SetGroups, SetResUid, SetResGid, Prctl, ClockGetTime, ExitGroup, Ppoll, CloseRange,
    ];

    /// <summary>Those that are made only before, while packetd opens what it needs.</summary>
    public static ReadOnlySpan<CallNumber> WhileOpening =>
    [
        Read, OpenAt, Munmap, Ioctl, Socket, Bind, SigAction, SigProcMask, CapSet,
    ];
}
