using System;

namespace Guestos;

/// <summary>Local sockets as open files.</summary>
public static unsafe class LocalSocketFile
{
    private static FileOperations s_operations;

    private static FileOperations* Operations => FileOperations.At(ref s_operations);

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

    /// <summary>Null: it is another kind of file.</summary>
    internal static LocalSocket* TryOf(File* file) => Is(file) ? Of(file) : null;

    internal static LocalSocket* Of(File* file) => (LocalSocket*)file->Object;

    /// <summary>The open file of a socket that has none yet; null: ENFILE.</summary>
    internal static File* Open(LocalSocket* socket, uint flags)
    {
        File* file = Files.Allocate(Operations, OpenFlags.RDWR | flags & OpenFlags.NONBLOCK);
        if (file == null)
            return null;
        file->Object = socket;
        socket->File = file;
        return file;
    }

    private static ReadOnlySpan<byte> Name() => "socket"u8;

    private static long Read(File* file, ref Transfer to)
    {
        if (to.Count == 0)
            return 0;   // of read(2), other than of recv(2)
        var receipt = new LocalReceipt { Wait = !file->NonBlocking };
        VectoredTransfer all = VectoredTransfer.Of(to);
        long result = Receive(Of(file), ref all, ref receipt);
        receipt.Drop();
        to = all.Piece;
        return result;
    }

    internal static long Receive(LocalSocket* socket, ref VectoredTransfer to, ref LocalReceipt receipt) =>
        socket->Kind == LocalKind.Stream
            ? LocalStream.Receive(socket, ref to, ref receipt)
            : LocalDatagrams.Receive(socket, ref to, ref receipt);

    private static long Write(File* file, ref Transfer from)
    {
        var how = new LocalSending { Wait = !file->NonBlocking, Signals = true };
        VectoredTransfer all = VectoredTransfer.Of(from);
        long result = Send(Of(file), null, ref all, ref how);
        from = all.Piece;
        return result;
    }

    internal static long Send(LocalSocket* socket, LocalSocket* target, ref VectoredTransfer from,
        ref LocalSending how) =>
        socket->Kind == LocalKind.Stream
            ? LocalStream.Send(socket, ref from, ref how)
            : LocalDatagrams.Send(socket, target, ref from, ref how);

    private static uint Poll(File* file) => LocalSocket.Poll(Of(file));

    private static WaitQueue* QueueOf(File* file) => &Of(file)->Queue;

    private static long Ioctl(File* file, uint request, ulong argument)
    {
        LocalSocket* socket = Of(file);
        if (request is not (FileIoctl.BytesReadable or FileIoctl.BytesUnsent))
            return InterfaceIoctl.Call(request, argument);
        if (request == FileIoctl.BytesReadable && socket->State == LocalState.Listening)
            return Errno.EINVAL;
        int count = request == FileIoctl.BytesUnsent ? socket->BytesInFlight : ReadableOf(socket);
        return ((UserPointer<int>)argument).TryPut(count) ? 0 : Errno.EFAULT;
    }

    /// <summary>Of datagrams the first; of others all that is there (SIOCINQ).</summary>
    private static int ReadableOf(LocalSocket* socket)
    {
        int count = 0;
        for (LocalMessage* message = socket->FirstMessage; message != null; message = message->Next)
        {
            count += message->Total - message->Taken;
            if (socket->Kind == LocalKind.Datagram)
                break;
        }

        return count;
    }

    /// <summary>The last reference is gone.</summary>
    private static void Release(File* file)
    {
        LocalSocket* socket = Of(file);
        file->Object = null;
        if (socket != null)
            LocalSocket.Close(socket);
    }
}
