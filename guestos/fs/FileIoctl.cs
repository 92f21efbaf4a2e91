namespace Guestos;

/// <summary>Requests of ioctl(2) that more than one kind of file answers (include/uapi/asm-generic/ioctls.h).</summary>
internal static class FileIoctl
{
    /// <summary>FIONREAD: how many bytes can be read at once.</summary>
    public const uint BytesReadable = 0x541b;

    /// <summary>SIOCOUTQ: how many bytes that were sent have not been received.</summary>
    public const uint BytesUnsent = 0x5411;

    /// <summary>FIONBIO: sets and clears O_NONBLOCK.</summary>
    public const uint SetNonBlocking = 0x5421;

    /// <summary>FIOASYNC: sets and clears O_ASYNC.</summary>
    public const uint SetAsynchronous = 0x5452;

    // FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP: the owner of a socket, as F_SETOWN and F_GETOWN have it.
    public const uint SetOwner = 0x8901;
    public const uint SetGroup = 0x8902;
    public const uint GetOwner = 0x8903;
    public const uint GetGroup = 0x8904;
}
