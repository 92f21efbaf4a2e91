using Netstack;

namespace Guestos;

/// <summary>The file side of a socket: read, write, poll, ioctl, the last close.</summary>
public static unsafe class SocketFile
{
    private static FileOperations s_operations;

    public static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Traits = FileTraits.Stream | FileTraits.Numbered,
        Mode = (uint)InodeType.SOCK | 0x1ff,
        Name = &Name,
        Release = &Release,
        Read = &Read,
        Write = &Write,
        Poll = &Poll,
        QueueOf = &QueueOf,
        Ioctl = &Ioctl,
    };

    public static bool Is(File* file) => file->Operations == Operations;

    private static System.ReadOnlySpan<byte> Name() => "socket"u8;

    internal static Socket* Of(File* file) => (Socket*)file->Object;

    private static long Read(File* file, ref Transfer to)
    {
        Socket* socket = Of(file);
        return socket->Kind == SocketKind.Stream
            ? Sockets.Receive(socket, ref to, WaitOf(file))
            : DatagramSockets.Receive(socket, ref to, WaitOf(file), out _);
    }

    private static Sockets.ReceiveFlags WaitOf(File* file) =>
        file->NonBlocking ? Sockets.ReceiveFlags.None : Sockets.ReceiveFlags.Wait;

    private static long Write(File* file, ref Transfer from)
    {
        Socket* socket = Of(file);
        return socket->Kind == SocketKind.Stream
            ? Sockets.Send(socket, ref from, !file->NonBlocking)
            : DatagramSockets.Send(socket, ref from, default, default, !file->NonBlocking);
    }

    /// <summary><see cref="PollEvents"/> that hold now.</summary>
    private static uint Poll(File* file) => Sockets.Poll(Of(file));

    private static WaitQueue* QueueOf(File* file) => &Of(file)->Queue;

    private static long Ioctl(File* file, uint request, ulong argument)
    {
        Socket* socket = Of(file);
        if (request != FileIoctl.BytesReadable)
            return InterfaceIoctl.Call(request, argument);
        int count = 0;
        if (socket->Handle >= 0 && socket->Kind == SocketKind.Stream)
        {
            Network.Stack->GetInformation(socket->Handle, out Netstack.ConnectionInformation information);
            count = information.ReadableBytes;
        }
        else if (socket->Handle >= 0)
            count = System.Math.Max(0, Network.Stack->NextDatagramLength(socket->Handle));
        return ((UserPointer<int>)argument).TryPut(count) ? 0 : Errno.EFAULT;
    }

    /// <summary>The last reference is gone.</summary>
    private static void Release(File* file)
    {
        Sockets.Free(Of(file));
        file->Object = null;
    }
}
