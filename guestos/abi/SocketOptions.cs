namespace Guestos;

/// <summary>Options of sockets of all families (include/uapi/asm-generic/socket.h).</summary>
internal static class SocketOptions
{
    public const uint ReuseAddress = 2;
    public const uint Type = 3;
    public const uint Error = 4;
    public const uint Broadcast = 6;
    public const uint SendBuffer = 7;
    public const uint ReceiveBuffer = 8;
    public const uint KeepAlive = 9;
    public const uint InlineUrgent = 10;
    public const uint NoCheck = 11;
    public const uint Priority = 12;
    public const uint Linger = 13;
    public const uint ReusePort = 15;
    public const uint PassCredentials = 16;
    public const uint PeerCredentials = 17;
    public const uint ReceiveLow = 18;
    public const uint ReceiveTimeout = 20;
    public const uint SendTimeout = 21;
    public const uint DetachFilter = 27;
    public const uint Accepting = 30;
    public const uint ForceSendBuffer = 32;
    public const uint ForceReceiveBuffer = 33;
    public const uint Protocol = 38;
    public const uint Domain = 39;

    /// <summary>struct linger.</summary>
    internal struct LingerOption
    {
        public int On;
        public int Seconds;
    }

    /// <summary>SO_RCVTIMEO and SO_SNDTIMEO: nanoseconds, 0 for none. EINVAL, EFAULT, EDOM.</summary>
    public static long ReadTimeout(UserPointer<PollCalls.Time> value, ulong length, ref ulong timeout)
    {
        const long million = 1_000_000;
        if ((uint)length < 2 * sizeof(long))
            return Errno.EINVAL;
        if (!value.TryGet(out PollCalls.Time time))
            return Errno.EFAULT;
        if (time.Part is < 0 or >= million)
            return Errno.EDOM;
        if (time.Seconds < 0)
            timeout = 1;
        else if (time.Seconds > int.MaxValue)
            timeout = 0;
        else
            timeout = (ulong)(time.Seconds * million + time.Part) * 1000;
        return 0;
    }
}
