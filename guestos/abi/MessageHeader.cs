namespace Guestos;

/// <summary>struct msghdr (recvmsg(2)), 56 bytes.</summary>
public struct MessageHeader
{
    /// <summary>UIO_MAXIOV.</summary>
    public const ulong MaxVectors = 1024;

    public UserPointer<byte> Name;
    public int NameLength;
    public UserPointer<UserVector> Vectors;
    public ulong VectorCount;
    public ulong Control;
    public ulong ControlLength;
    public int Flags;
}
