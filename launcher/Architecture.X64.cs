namespace Launcher;

/// <summary>The system calls that the program makes (Linux x86-64), by number.</summary>
internal enum Call : ushort
{
    Write = 1,
    Close = 3,
    Dup3 = 292,
    MemfdCreate = 319,
    Clone = 56,
    Wait4 = 61,
    ExitGroup = 231,
    Ppoll = 271,
    Prctl = 157,
    SigProcMask = 14,
    RecvFrom = 45,
    Execve = 59,
    GetUid = 102,
    Prlimit = 302,

    // Those that a monitor is refused.
    Socket = 41,
    SetPgid = 109,
    SetSid = 112,
    IoUringSetup = 425,
    SendMsg = 46,
    SendMmsg = 307,
    Mmap = 9,
    ShmGet = 29,
    SemGet = 64,
    MsgGet = 68,
    MqOpen = 240,
    MemfdSecret = 447,
}

/// <summary>What else differs by architecture.</summary>
internal static class Architecture
{
    /// <summary>The kernel's name for it in a seccomp filter's data (linux/audit.h): AUDIT_ARCH_X86_64.</summary>
    public const ulong Audit = 0xC000003E;
}
