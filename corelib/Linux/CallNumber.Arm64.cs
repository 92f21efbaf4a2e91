namespace System.Linux;

/// <summary>
/// The numbers of Linux's system calls on arm64 (include/uapi/asm-generic/unistd.h):
/// those that our programs make, or refuse to others. Each architecture's file has the same names.
/// </summary>
internal enum CallNumber : ushort
{
    IoSetup = 0,
    Dup3 = 24,
    Fcntl = 25,
    Ioctl = 29,
    Mount = 40,
    FChMod = 52,
    FChModAt = 53,
    FChOwnAt = 54,
    FChOwn = 55,
    OpenAt = 56,
    Close = 57,
    Pipe2 = 59,
    Read = 63,
    Write = 64,
    SendFile = 71,
    Ppoll = 73,
    VmSplice = 75,
    CapSet = 91,
    ExitGroup = 94,
    WaitId = 95,
    NanoSleep = 101,
    ClockGetTime = 113,
    Kill = 129,
    SigAction = 134,
    SigProcMask = 135,
    SetResUid = 147,
    SetResGid = 149,
    SetPgid = 154,
    SetSid = 157,
    SetGroups = 159,
    Prctl = 167,
    GetPid = 172,
    GetPpid = 173,
    GetUid = 174,
    MqOpen = 180,
    MsgGet = 186,
    MsgRcv = 188,
    MsgSnd = 189,
    SemGet = 190,
    SemTimedOp = 192,
    SemOp = 193,
    ShmGet = 194,
    ShmAt = 196,
    Socket = 198,
    SocketPair = 199,
    Bind = 200,
    Listen = 201,
    Connect = 203,
    SendTo = 206,
    RecvFrom = 207,
    SetSockOpt = 208,
    GetSockOpt = 209,
    SendMsg = 211,
    Munmap = 215,
    Mremap = 216,
    AddKey = 217,
    RequestKey = 218,
    KeyCtl = 219,
    Clone = 220,
    Execve = 221,
    Mmap = 222,
    Madvise = 233,
    Accept4 = 242,
    Wait4 = 260,
    Prlimit = 261,
    SendMmsg = 269,
    SecComp = 277,
    GetRandom = 278,
    MemfdCreate = 279,
    Bpf = 280,
    IoUringSetup = 425,
    OpenTree = 428,
    MoveMount = 429,
    FsOpen = 430,
    FsPick = 433,
    Clone3 = 435,
    CloseRange = 436,
    ProcessMadvise = 440,
    MountSetAttr = 442,
    LandlockCreateRuleset = 444,
    LandlockRestrictSelf = 446,
    MemfdSecret = 447,
    FChModAt2 = 452,
    OpenTreeAttr = 467,

    // There are no such calls here: numbers that none has.
    ChMod = 0xFFFB,
    ChOwn = 0xFFFC,
    LChOwn = 0xFFFD,
    Fork = 0xFFFE,
    VFork = 0xFFFF,
}

/// <summary>What else differs by architecture.</summary>
internal static class Architecture
{
    /// <summary>
    /// AUDIT_ARCH_AARCH64 (linux/audit.h): what struct seccomp_data says of calls by the numbers above.
    /// </summary>
    public const uint Audit = 0xC00000B7;

    // asm/fcntl.h, with the flags that differ.
    public const int O_DIRECTORY = 0x4000;
    public const int O_NOFOLLOW = 0x8000;

    // asm/mman.h: there is no such flag.
    public const uint MAP_32BIT = 0;
}
