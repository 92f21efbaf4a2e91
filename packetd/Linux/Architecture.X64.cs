namespace Packetd;

/// <summary>Every system call that packetd makes, by its x86-64 number (arch/x86/entry/syscalls/syscall_64.tbl).</summary>
internal enum Call : ushort
{
    // While it opens what it needs.
    Read = 0,
    OpenAt = 257,
    Munmap = 11,
    Ioctl = 16,
    Socket = 41,
    Bind = 49,
    SigAction = 13,
    SigProcMask = 14,
    CapSet = 126,

    // While it serves.
    Write = 1,
    Close = 3,
    Dup3 = 292,
    GetPid = 39,
    SendTo = 44,
    RecvFrom = 45,
    SocketPair = 53,
    SetSockOpt = 54,
    Clone = 56,
    Execve = 59,
    Wait4 = 61,
    Kill = 62,
    GetPpid = 110,
    SetSid = 112,
    SetGroups = 116,
    SetResUid = 117,
    SetResGid = 119,
    Prctl = 157,
    ClockGetTime = 228,
    ExitGroup = 231,
    Ppoll = 271,
    CloseRange = 436,
}

/// <summary>What else differs by architecture.</summary>
internal static class Architecture
{
    /// <summary>The kernel's name for it in a seccomp filter's data (linux/audit.h): AUDIT_ARCH_X86_64.</summary>
    public const uint Audit = 0xC000003E;
}
