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
}
