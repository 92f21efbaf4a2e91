using System;
using System.Text;
using Domain.Devices;
using Domain.Linux;

namespace Domain.Host;

/// <summary>Opens the host's end of the guest's Ethernet (Linux: Documentation/networking/tuntap.rst).</summary>
internal static unsafe class HostNetwork
{
    private const nuint TUNSETIFF = 0x4004_54ca, TUNGETIFF = 0x8004_54d2, TUNSETOFFLOAD = 0x4004_54d0,
        TUNSETVNETHDRSZ = 0x4004_54d8;
    private const short IFF_TAP = 2, IFF_NO_PI = 0x1000, IFF_VNET_HDR = 0x4000;
    private const nuint TUN_F_CSUM = 1, TUN_F_TSO4 = 2;
    private const int SOL_SOCKET = 1, SO_TYPE = 3, SOCK_SEQPACKET = 5, NameBytes = 16;
    private const string FramesOption = "--net-fd";

    /// <summary>Attaches to (or, with the right to, creates) the TAP device <paramref name="name"/>.</summary>
    /// <exception cref="UsageError">the kernel does not let us</exception>
    public static int OpenTap(string name, bool offload)
    {
        if (Encoding.UTF8.GetByteCount(name) >= NameBytes)
            throw new UsageError($"--tap: \"{name}\" is longer than an interface name may be");
        int descriptor = Libc.open("/dev/net/tun", Libc.O_RDWR | Libc.O_NONBLOCK, 0);
        if (descriptor < 0)
            throw new UsageError(
                $"--tap: cannot open /dev/net/tun: {LinuxError.Describe(Libc.Errno)}{Remedy(Libc.Errno)}");
        // struct ifreq: 16 bytes of name, then flags; 40 bytes in all.
        byte* request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        Encoding.UTF8.GetBytes(name, new Span<byte>(request, NameBytes));
        *(short*)(request + NameBytes) = (short)(IFF_TAP | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0));
        if (Libc.ioctl(descriptor, TUNSETIFF, request) != 0)
            throw new UsageError(Libc.Errno == Libc.EINVAL
                ? $"--tap: cannot attach to {name}: it is no TAP interface, or no name for one"
                : $"--tap: cannot attach to {name}: {LinuxError.Describe(Libc.Errno)}");
        int headerBytes = NetHeader.Bytes;
        if (offload && (Libc.ioctl(descriptor, TUNSETVNETHDRSZ, &headerBytes) != 0
            || Libc.ioctl(descriptor, TUNSETOFFLOAD, (void*)(TUN_F_CSUM | TUN_F_TSO4)) != 0))
            throw new UsageError(
                $"--tap: {name} does not offload: {LinuxError.Describe(Libc.Errno)}; try --offload off");
        return descriptor;
    }

    // What root can do about it (tuntap.rst, "Configuration").
    private static string Remedy(int error) => error switch
    {
        Libc.EACCES => "; some systems keep it for root, who can open it to all: chmod 666 /dev/net/tun",
        Libc.ENOENT => "; root can load its driver: modprobe tun",
        _ => "",
    };

    /// <summary>Uses an inherited descriptor: a sequenced-packet socket or a TAP device.</summary>
    /// <exception cref="UsageError">it is neither</exception>
    public static FrameDescriptor Inherit(int descriptor, bool offload)
    {
        bool socket = IsPacketSocket(descriptor);
        CheckFrames(descriptor, socket);
        SetNonBlocking(descriptor, FramesOption);
        return new FrameDescriptor(descriptor, offload, socket);
    }

    /// <summary>
    /// Looks at what was inherited, before the monitor opens a file of its own, which could get the number of one that
    /// is not there.
    /// </summary>
    /// <exception cref="UsageError">a descriptor is not open, or is not what it is said to be</exception>
    public static void CheckInherited(int frames, int control)
    {
        if (frames >= 0)
            CheckFrames(frames, IsPacketSocket(frames));
        if (control >= 0 && !IsPacketSocket(control))
            throw Wrong("--control-fd", control, "not a socket of sequenced packets");
    }

    private static void CheckFrames(int descriptor, bool socket)
    {
        byte* request = stackalloc byte[40];
        if (!socket && Libc.ioctl(descriptor, TUNGETIFF, request) != 0)
            throw Wrong(FramesOption, descriptor, "neither a socket of sequenced packets nor a TAP interface");
    }

    private static UsageError Wrong(string option, int descriptor, string problem) =>
        Libc.fcntl(descriptor, Libc.F_GETFD, 0) < 0
            ? new UsageError($"{option} {descriptor} is {LinuxError.Describe(Libc.Errno)}")
            : new UsageError($"{option} {descriptor} is {problem}");

    private static bool IsPacketSocket(int descriptor)
    {
        int type = 0;
        uint length = sizeof(int);
        return Libc.getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
    }

    /// <summary>Makes reads and writes return at once.</summary>
    /// <exception cref="UsageError">the descriptor is not open</exception>
    public static void SetNonBlocking(int descriptor, string option)
    {
        int flags = Libc.fcntl(descriptor, Libc.F_GETFL, 0);
        if (flags < 0 || Libc.fcntl(descriptor, Libc.F_SETFL, flags | Libc.O_NONBLOCK) < 0)
            throw new UsageError($"{option} {descriptor}: {LinuxError.Describe(Libc.Errno)}");
    }
}
