using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Testing.Machines;
using Wire;

namespace Migration.Tests;

/// <summary>A destination on the client's own host, which behaves as a test says. Only one connection.</summary>
internal sealed class FakeDestination : IDisposable
{
    public const string Address = Space.Host;

    private readonly Socket listener;
    private readonly Thread server;
    private volatile bool isOver;

    /// <param name="behave">Gets the connection after the loader was read and, unless it says otherwise, accepted.</param>
    public FakeDestination(Space space, Action<FakeDestination, SecureSocket> behave, UploadRefusal answer = UploadRefusal.None)
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
                Socket connection = listener.Accept();
                connection.ReceiveTimeout = 30_000;
                using SecureSocket socket = SecureSocket.Accept(connection, Upload.Magic, Upload.Version, Client.Key);
                byte[] header = Client.Read(socket, Upload.Size);
                Upload.Parse(header, out uint length, out _);
                Client.Read(socket, (int)length);
                byte[] record = new byte[UploadAnswer.Size];
                UploadAnswer.Emit(record, UploadStage.Firmware, answer);
                socket.Send(record);
                behave(this, socket);
            }
            catch (Exception exception) when (exception is SocketException or IOException or ObjectDisposedException)
            {
                // The guest has hung up, which some tests are about.
            }
        }) { IsBackground = true };
        server.Start();
    }

    /// <summary>What came after the trailer: the hand-over records of the guest.</summary>
    public volatile bool Committed;

    /// <summary>Reads so many records of the checkpoint.</summary>
    public static void ReadRecords(SecureSocket socket, int count)
    {
        Client.Read(socket, CheckpointHeader.Size);
        while (count-- > 0)
            ReadRecord(socket, Stream.Null);
    }

    /// <summary>Reads the stream up to its trailer, into <paramref name="copy"/> where there is one.</summary>
    public static void ReadAll(SecureSocket socket, Stream? copy = null)
    {
        copy ??= Stream.Null;
        copy.Write(Client.Read(socket, CheckpointHeader.Size));
        while (ReadRecord(socket, copy)) { }
        copy.Write(Client.Read(socket, CheckpointTrailer.Size));
    }

    private static bool ReadRecord(SecureSocket socket, Stream copy)
    {
        byte[] record = Client.Read(socket, CheckpointRecord.Size);
        if (record.Length < CheckpointRecord.Size)
            throw new SocketException();
        copy.Write(record);
        if (Bytes.Le16(record, 4) == (ushort)RecordFlags.Page)
            copy.Write(Client.Read(socket, CheckpointRecord.PageSize));
        if (Bytes.Le16(record, 4) == (ushort)RecordFlags.Lines)
        {
            byte[] mask = Client.Read(socket, CheckpointLines.MaskSize);
            copy.Write(mask);
            copy.Write(Client.Read(socket, CheckpointLines.Size(Bytes.Le64(mask, 0)) - CheckpointLines.MaskSize));
        }
        return Bytes.Le16(record, 4) != (ushort)RecordFlags.End;
    }

    public static void Say(SecureSocket socket, HandOverKind kind, CheckpointRefusal reason = CheckpointRefusal.None, ulong detail = 0)
    {
        byte[] record = new byte[HandOver.Size];
        HandOver.Emit(record, kind, reason, detail);
        socket.Send(record);
    }

    /// <summary>Reads hand-over records until the connection ends, and notes whether one was COMMIT.</summary>
    public void WatchForCommit(SecureSocket socket)
    {
        while (ReadHandOver(socket)) { }
    }

    /// <summary>Reads one hand-over record, and notes whether it is COMMIT. False at the end.</summary>
    public bool ReadHandOver(SecureSocket socket)
    {
        byte[] record = Client.Read(socket, HandOver.Size);
        if (!HandOver.TryParse(record, out HandOverKind kind, out _, out ulong length))
            return false;
        Committed |= kind == HandOverKind.Commit;
        if (kind == HandOverKind.Late)
            Client.Read(socket, (int)(length + 7) & ~7);
        return true;
    }

    public static void Reset(SecureSocket socket)
    {
        socket.Socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    /// <summary>Takes nothing and says nothing until the test is done with the destination; then the guest must have hung up, behind what it had sent.</summary>
    public void BeSilent(SecureSocket socket)
    {
        while (!isOver)
            Thread.Sleep(10);
        byte[] rest = new byte[64 * 1024];
        try
        {
            while (socket.Socket.Receive(rest) > 0) { }
            HasHungUp = true;
        }
        catch (SocketException end)
        {
            HasHungUp = end.SocketErrorCode == SocketError.ConnectionReset;
        }
    }

    /// <summary>Whether <see cref="BeSilent"/> has met the end of the guest's stream, or a reset. Known when this is disposed.</summary>
    public volatile bool HasHungUp;

    public void Dispose()
    {
        isOver = true;
        listener.Dispose();
        server.Join();
    }
}
