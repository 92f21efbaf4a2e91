namespace Packetd;

/// <summary>Every system call that packetd makes, by its arm64 number (include/uapi/asm-generic/unistd.h).</summary>
internal enum Call : ushort
{
    // While it opens what it needs.
    Read = 63,
    OpenAt = 56,
    Munmap = 215,
    Ioctl = 29,
    Socket = 198,
    Bind = 200,
    SigAction = 134,
    SigProcMask = 135,
    CapSet = 91,

    // While it serves.
    Write = 64,
    Close = 57,
    Dup3 = 24,
    GetPid = 172,
    SendTo = 206,
    RecvFrom = 207,
    SocketPair = 199,
    SetSockOpt = 208,
    Clone = 220,
    Execve = 221,
    Wait4 = 260,
    Kill = 129,
    GetPpid = 173,
    SetSid = 157,
    SetGroups = 159,
    SetResUid = 147,
    SetResGid = 149,
    Prctl = 167,
    ClockGetTime = 113,
    ExitGroup = 94,
    Ppoll = 73,
    CloseRange = 436,
}

/// <summary>What else differs by architecture.</summary>
internal static class Architecture
{
    /// <summary>The kernel's name for it in a seccomp filter's data (linux/audit.h): AUDIT_ARCH_AARCH64.</summary>
    public const uint Audit = 0xC00000B7;
}
