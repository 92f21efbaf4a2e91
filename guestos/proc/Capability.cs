namespace Guestos;

/// <summary>Those of capabilities(7) that this kernel asks for, numbered as include/uapi/linux/capability.h.</summary>
public enum Capability
{
    CHOWN = 0,
    DAC_OVERRIDE = 1,
    DAC_READ_SEARCH = 2,
    FOWNER = 3,
    FSETID = 4,
    KILL = 5,
    SETGID = 6,
    SETUID = 7,
    SETPCAP = 8,
    NET_BIND_SERVICE = 10,
    NET_ADMIN = 12,
    NET_RAW = 13,
    IPC_LOCK = 14,
    IPC_OWNER = 15,
    SYS_CHROOT = 18,
    SYS_PTRACE = 19,
    SYS_ADMIN = 21,
    SYS_BOOT = 22,
    SYS_NICE = 23,
    SYS_RESOURCE = 24,
    SYS_TIME = 25,
    MKNOD = 27,
    SETFCAP = 31,
    WAKE_ALARM = 35,
}
