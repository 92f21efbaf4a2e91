namespace Guestos;

/// <summary>The file side of a socket: read, write, poll, ioctl, the last close.</summary>
public static unsafe class SocketFile
{
    internal static Socket* Of(File* file) => (Socket*)file->Object;

    public static long Read(File* file, ref Transfer to)
    {
        Socket* socket = Of(file);
        return socket->Kind == SocketKind.Stream
            ? Sockets.Receive(socket, ref to, WaitOf(file))
            : DatagramSockets.Receive(socket, ref to, WaitOf(file), out _);
    }

    private static Sockets.ReceiveFlags WaitOf(File* file) => file->NonBlocking ? Sockets.ReceiveFlags.None : Sockets.ReceiveFlags.Wait;

    public static long Write(File* file, ref Transfer from)
    {
        Socket* socket = Of(file);
        return socket->Kind == SocketKind.Stream
            ? Sockets.Send(socket, ref from, !file->NonBlocking)
            : DatagramSockets.Send(socket, ref from, 0, 0, !file->NonBlocking);
    }

    /// <summary><see cref="PollEvents"/> that hold now.</summary>
    public static uint Poll(File* file) => Sockets.Poll(Of(file));

    public static WaitQueue* QueueOf(File* file) => &Of(file)->Queue;

    public static long Ioctl(File* file, uint request, ulong argument)
    {
        const uint BytesReadable = 0x541b; // FIONREAD
        Socket* socket = Of(file);
        if (request != BytesReadable)
            return InterfaceIoctl.Call(request, argument);
        int count = 0;
        if (socket->Handle >= 0 && socket->Kind == SocketKind.Stream)
        {
            Network.Stack->GetInformation(socket->Handle, out Netstack.ConnectionInformation information);
            count = information.ReadableBytes;
        }
        else if (socket->Handle >= 0)
            count = System.Math.Max(0, Network.Stack->NextDatagramLength(socket->Handle));
        return ((UserPointer<int>)argument).TryPut(count) ? 0 : Errno.Fault;
    }

    /// <summary>The last reference is gone.</summary>
    public static void Release(File* file)
    {
        Sockets.Free(Of(file));
        file->Object = null;
    }
}
