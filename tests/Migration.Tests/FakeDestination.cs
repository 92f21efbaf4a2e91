using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Cstrap.Tests;
using Wire;

namespace Migration.Tests;

/// <summary>A destination on the client's own host, which behaves as a test says. Only one connection.</summary>
internal sealed class FakeDestination : IDisposable
{
    public const string Address = Space.Host;

    private readonly Socket listener;
    private readonly Thread server;

    /// <param name="behave">Gets the connection after the loader was read and, unless it says otherwise, accepted.</param>
    public FakeDestination(Space space, Action<FakeDestination, Socket> behave, UploadRefusal answer = UploadRefusal.None)
    {
        listener = space.Open();
        // A whole checkpoint of a small guest would fit what the kernel lets a receive buffer grow to: then nobody who stops reading is noticed in time.
        listener.ReceiveBufferSize = 64 * 1024;
        listener.Bind(new IPEndPoint(IPAddress.Any, Upload.Port));
        listener.Listen();
        server = new Thread(() =>
        {
            try
            {
                using Socket socket = listener.Accept();
                socket.ReceiveTimeout = 30_000;
                byte[] header = Client.Read(socket, Upload.Size);
                Upload.Parse(header, out uint length);
                Client.Read(socket, (int)length);
                byte[] record = new byte[UploadAnswer.Size];
                UploadAnswer.Emit(record, UploadStage.Firmware, answer);
                socket.Send(record);
                behave(this, socket);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The guest has hung up, which some tests are about.
            }
        }) { IsBackground = true };
        server.Start();
    }

    /// <summary>What came after the trailer: the hand-over records of the guest.</summary>
    public volatile bool Committed;

    /// <summary>Reads so many records of the checkpoint.</summary>
    public static void ReadRecords(Socket socket, int count)
    {
        Client.Read(socket, CheckpointHeader.Size);
        while (count-- > 0)
            ReadRecord(socket);
    }

    /// <summary>Reads the stream up to its trailer.</summary>
    public static void ReadAll(Socket socket)
    {
        Client.Read(socket, CheckpointHeader.Size);
        while (ReadRecord(socket)) { }
        Client.Read(socket, CheckpointTrailer.Size);
    }

    private static bool ReadRecord(Socket socket)
    {
        byte[] record = Client.Read(socket, CheckpointRecord.Size);
        if (record.Length < CheckpointRecord.Size)
            throw new SocketException();
        if (Bytes.Le16(record, 4) == (ushort)RecordFlags.Page)
            Client.Read(socket, CheckpointRecord.PageSize);
        return Bytes.Le16(record, 4) != (ushort)RecordFlags.End;
    }

    public static void Say(Socket socket, HandOverKind kind, CheckpointRefusal reason = CheckpointRefusal.None, ulong detail = 0)
    {
        byte[] record = new byte[HandOver.Size];
        HandOver.Emit(record, kind, reason, detail);
        socket.Send(record);
    }

    /// <summary>Reads hand-over records until the connection ends, and notes whether one was COMMIT.</summary>
    public void WatchForCommit(Socket socket)
    {
        while (Client.Read(socket, HandOver.Size) is { Length: HandOver.Size } record && HandOver.TryParse(record, out HandOverKind kind, out _, out ulong length))
        {
            Committed |= kind == HandOverKind.Commit;
            if (kind == HandOverKind.Late)
                Client.Read(socket, (int)(length + 7) & ~7);
        }
    }

    public static void Reset(Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    public void Dispose()
    {
        listener.Dispose();
        server.Join();
    }
}
