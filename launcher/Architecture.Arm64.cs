namespace Launcher;

/// <summary>The system calls that the program makes (Linux arm64), by number.</summary>
internal enum Call : ushort
{
    Write = 64,
    Close = 57,
    Dup3 = 24,
    MemfdCreate = 279,
    Clone = 220,
    Wait4 = 260,
    ExitGroup = 94,
    Ppoll = 73,
    Prctl = 167,
    SigProcMask = 135,
    RecvFrom = 207,
    Execve = 221,
    GetUid = 174,
    Prlimit = 261,

    // Those that a monitor is refused.
    Socket = 198,
    SetPgid = 154,
    SetSid = 157,
    IoUringSetup = 425,
    SendMsg = 211,
    SendMmsg = 269,
    Mmap = 222,
    ShmGet = 194,
    SemGet = 190,
    MsgGet = 186,
    MqOpen = 180,
    MemfdSecret = 447,
}

/// <summary>What else differs by architecture.</summary>
internal static class Architecture
{
    /// <summary>The kernel's name for it in a seccomp filter's data (linux/audit.h): AUDIT_ARCH_AARCH64.</summary>
    public const ulong Audit = 0xC00000B7;
}
