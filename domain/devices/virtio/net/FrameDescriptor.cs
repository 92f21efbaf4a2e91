using Domain.Linux;

namespace Domain.Devices;

/// <summary>Frames over a descriptor: a sequenced-packet socket (one datagram a frame) or a TAP device.</summary>
internal sealed unsafe class FrameDescriptor(int descriptor, bool offload, bool socket) : IFrameChannel
{
    public int Descriptor => descriptor;

    public bool Offload => offload;

    public int Receive(IoVector* pieces, int count)
    {
        nint got;
        do
        {
            if (socket)
            {
                var message = new MessageHeader { Vectors = pieces, VectorCount = (nuint)count };
                got = Libc.recvmsg(descriptor, &message, Libc.MSG_DONTWAIT);
                if (got == 0)
                    return FrameResult.Gone;
                if (got > 0 && (message.Flags & Libc.MSG_TRUNC) != 0)
                    return FrameResult.Lost;
            }
            else
            {
                got = Libc.readv(descriptor, pieces, count);
            }
        }
        while (got < 0 && Libc.Errno == Libc.EINTR);
        return got > 0 ? (int)got : Failure(Libc.Errno);
    }

    public int Send(IoVector* pieces, int count)
    {
        nint sent;
        do
            sent = Libc.writev(descriptor, pieces, count);
        while (sent < 0 && Libc.Errno == Libc.EINTR);
        return sent > 0 ? (int)sent : Failure(Libc.Errno);
    }

    private static int Failure(int errno) => errno switch
    {
        Libc.EAGAIN => FrameResult.Later,
        Libc.EPIPE or Libc.ECONNRESET or Libc.ENOTCONN => FrameResult.Gone,
        _ => FrameResult.Lost,
    };
}
