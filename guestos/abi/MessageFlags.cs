namespace Guestos;

/// <summary>Flags of send(2) and recv(2) (include/linux/socket.h).</summary>
internal static class MessageFlags
{
    public const uint OutOfBand = 0x1;
    public const uint Peek = 0x2;

    /// <summary>MSG_CTRUNC: there was no room for what came along.</summary>
    public const uint ControlTruncated = 0x8;
    public const uint Truncated = 0x20;
    public const uint DontWait = 0x40;
    public const uint WaitAll = 0x100;
    public const uint ErrorQueue = 0x2000;
    public const uint NoSignal = 0x4000;
    public const uint More = 0x8000;

    /// <summary>MSG_CMSG_CLOEXEC: descriptors that come are closed by execve(2).</summary>
    public const uint CloseOnExec = 0x40000000;
}
