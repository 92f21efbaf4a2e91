namespace System.Linux;

/// <summary>
/// The numbers of Linux's system calls on x86-64 (arch/x86/entry/syscalls/syscall_64.tbl):
/// those that our programs make, or refuse to others. Each architecture's file has the same names.
/// </summary>
internal enum CallNumber : ushort
{
    Read = 0,
    Write = 1,
    Close = 3,
    Mmap = 9,
    Munmap = 11,
    SigAction = 13,
    SigProcMask = 14,
    Ioctl = 16,
    Mremap = 25,
    Madvise = 28,
    ShmGet = 29,
    ShmAt = 30,
    NanoSleep = 35,
    GetPid = 39,
    SendFile = 40,
    Socket = 41,
    Connect = 42,
    SendTo = 44,
    RecvFrom = 45,
    SendMsg = 46,
    Bind = 49,
    Listen = 50,
    SocketPair = 53,
    SetSockOpt = 54,
    GetSockOpt = 55,
    Clone = 56,
    Fork = 57,
    VFork = 58,
    Execve = 59,
    Wait4 = 61,
    Kill = 62,
    SemGet = 64,
    SemOp = 65,
    MsgGet = 68,
    MsgSnd = 69,
    MsgRcv = 70,
    Fcntl = 72,
    ChMod = 90,
    FChMod = 91,
    ChOwn = 92,
    FChOwn = 93,
    LChOwn = 94,
    GetUid = 102,
    SetPgid = 109,
    GetPpid = 110,
    SetSid = 112,
    SetGroups = 116,
    SetResUid = 117,
    SetResGid = 119,
    CapSet = 126,
    Prctl = 157,
    Mount = 165,
    IoSetup = 206,
    SemTimedOp = 220,
    ClockGetTime = 228,
    ExitGroup = 231,
    MqOpen = 240,
    WaitId = 247,
    AddKey = 248,
    RequestKey = 249,
    KeyCtl = 250,
    OpenAt = 257,
    FChOwnAt = 260,
    FChModAt = 268,
    Ppoll = 271,
    VmSplice = 278,
    Accept4 = 288,
    Dup3 = 292,
    Pipe2 = 293,
    Prlimit = 302,
    SendMmsg = 307,
    SecComp = 317,
    GetRandom = 318,
    MemfdCreate = 319,
    Bpf = 321,
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
}

/// <summary>What else differs by architecture.</summary>
internal static class Architecture
{
    /// <summary>
    /// AUDIT_ARCH_X86_64 (linux/audit.h): what struct seccomp_data says of calls by the numbers above.
    /// </summary>
    public const uint Audit = 0xC000003E;

    // asm/fcntl.h, with the flags that differ.
    public const int O_DIRECTORY = 0x10000;
    public const int O_NOFOLLOW = 0x20000;

    // asm/mman.h
    public const uint MAP_32BIT = 0x40;
}
