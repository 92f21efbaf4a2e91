namespace System.Linux;

/// <summary>
/// Constants of the kernel's interface (include/uapi), by its own names. They are the same on x86-64 and arm64.
/// </summary>
internal static class Uapi
{
    // asm-generic/errno.h, negative as system calls return them.
    public const int ENOENT = -2;
    public const int EINTR = -4;
    public const int EAGAIN = -11;
    public const int ENOMEM = -12;
    public const int EBUSY = -16;
    public const int ENOTDIR = -20;
    public const int EINVAL = -22;
    public const int EPIPE = -32;
    public const int EOPNOTSUPP = -95;
    public const int ECONNRESET = -104;
    public const int ETIMEDOUT = -110;
    public const int ECONNREFUSED = -111;
    public const int EHOSTUNREACH = -113;
    public const int EINPROGRESS = -115;
    public const int ECANCELED = -125;

    // asm-generic/fcntl.h, linux/fcntl.h
    public const int AT_FDCWD = -100;
    public const int O_WRONLY = 1;
    public const int O_NONBLOCK = 0x800;
    public const int O_CLOEXEC = 0x80000;
    public const int O_PATH = 0x200000;
    public const int F_SETFL = 4;
    public const int F_ADD_SEALS = 1033;
    public const int F_SEAL_SEAL = 1;
    public const int F_SEAL_SHRINK = 2;
    public const int F_SEAL_GROW = 4;
    public const int F_SEAL_WRITE = 8;

    // linux/socket.h, linux/net.h, asm-generic/socket.h
    public const int AF_UNIX = 1;
    public const int AF_INET = 2;
    public const int AF_PACKET = 17;
    public const int SOCK_STREAM = 1;
    public const int SOCK_DGRAM = 2;
    public const int SOCK_RAW = 3;
    public const int SOCK_SEQPACKET = 5;
    public const int SOCK_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;
    public const int SOL_SOCKET = 1;
    public const int SO_REUSEADDR = 2;
    public const int SO_ERROR = 4;
    public const int SO_SNDBUF = 7;
    public const int SO_LINGER = 13;
    public const int SO_SNDTIMEO = 21;
    public const int SO_ATTACH_FILTER = 26;
    public const int SO_SNDBUFFORCE = 32;
    public const int SO_RCVBUFFORCE = 33;

    // linux/in.h, linux/tcp.h
    public const int IPPROTO_ICMP = 1;
    public const int IPPROTO_TCP = 6;
    public const int TCP_NODELAY = 1;

    // linux/if_packet.h, linux/if_ether.h, linux/sockios.h
    public const int SOL_PACKET = 263;
    public const int PACKET_ADD_MEMBERSHIP = 1;
    public const int PACKET_VNET_HDR = 15;
    public const int PACKET_IGNORE_OUTGOING = 23;
    public const ushort PACKET_MR_PROMISC = 1;
    public const ushort ETH_P_ALL = 3;
    public const int SIOCGIFINDEX = 0x8933;

    // asm-generic/poll.h
    public const short POLLIN = 1;
    public const short POLLOUT = 4;
    public const short POLLERR = 8;
    public const short POLLHUP = 0x10;
    public const short POLLNVAL = 0x20;

    // asm-generic/signal.h, asm-generic/siginfo.h
    public const int SIGHUP = 1;
    public const int SIGKILL = 9;
    public const int SIGPIPE = 13;
    public const int SIGCHLD = 17;
    public const int SIGXCPU = 24;
    public const int SIG_BLOCK = 0;
    public const int SIG_IGN = 1;
    public const int SIG_SETMASK = 2;
    public const int CLD_EXITED = 1;

    // linux/sched.h, linux/wait.h, linux/close_range.h, linux/time.h
    public const int CLONE_PIDFD = 0x1000;
    public const int CLONE_VFORK = 0x4000;
    public const int CLONE_PARENT = 0x8000;
    public const int CLONE_THREAD = 0x10000;
    public const int WNOHANG = 1;
    public const int WEXITED = 4;
    public const int WNOWAIT = 0x1000000;
    public const int P_ALL = 0;
    public const int P_PID = 1;
    public const int CLOSE_RANGE_CLOEXEC = 4;
    public const int CLOCK_REALTIME = 0;
    public const int CLOCK_MONOTONIC = 1;

    // linux/prctl.h, linux/seccomp.h
    public const int PR_SET_PDEATHSIG = 1;
    public const int PR_SET_DUMPABLE = 4;
    public const int PR_SET_SECCOMP = 22;
    public const uint PR_SET_MM = 35;
    public const int PR_SET_NO_NEW_PRIVS = 38;
    public const int SECCOMP_MODE_FILTER = 2;
    public const int SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;
    public const uint SECCOMP_RET_KILL_PROCESS = 0x8000_0000;
    public const uint SECCOMP_RET_ERRNO = 0x0005_0000;
    public const uint SECCOMP_RET_ALLOW = 0x7FFF_0000;

    // linux/capability.h
    public const uint LINUX_CAPABILITY_VERSION_3 = 0x20080522;
    public const int CAP_KILL = 5;
    public const int CAP_SETGID = 6;
    public const int CAP_SETUID = 7;

    // linux/mount.h
    public const uint MS_RDONLY = 1;
    public const uint MS_NOSUID = 2;
    public const uint MS_NODEV = 4;
    public const uint MS_NOEXEC = 8;
    public const uint MS_REC = 0x4000;
    public const uint MS_PRIVATE = 1 << 18;

    // asm-generic/mman.h, linux/mman.h, linux/memfd.h
    public const uint PROT_READ = 1;
    public const uint PROT_WRITE = 2;
    public const uint MAP_SHARED = 1;
    public const uint MAP_PRIVATE = 2;
    public const uint MAP_ANONYMOUS = 0x20;
    public const uint MAP_FIXED = 0x10;
    public const uint MAP_GROWSDOWN = 0x100;
    public const uint MAP_HUGETLB = 0x4_0000;
    public const uint MREMAP_FIXED = 2;
    public const uint MADV_DONTFORK = 10;
    public const int MFD_ALLOW_SEALING = 2;
    public const int MFD_NOEXEC_SEAL = 8;

    // linux/landlock.h
    public const ulong LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET = 1;
    public const ulong LANDLOCK_SCOPE_SIGNAL = 2;

    // asm-generic/resource.h
    public const int RLIMIT_CPU = 0;
    public const int RLIMIT_DATA = 2;
    public const int RLIMIT_CORE = 4;
    public const int RLIMIT_NPROC = 6;
    public const int RLIMIT_NOFILE = 7;
    public const int RLIMIT_AS = 9;

    // linux/auxvec.h
    public const ulong AT_SYSINFO_EHDR = 33;
}
