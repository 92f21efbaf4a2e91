using System;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Threading;
using Wire;
using Xunit;

namespace Endtoend.Tests;

/// <summary>
/// Poses as an empty machine at the client's address: takes one connection and does with it what a script says. Runs beside the test;
/// what fails in the script fails in <see cref="Dispose"/>.
/// </summary>
internal sealed class FakeDestination : IDisposable
{
    private readonly Socket listener;
    private readonly Thread thread;
    private ExceptionDispatchInfo? failure;
    private volatile bool isOver;

    /// <summary>The key of the machine that it poses as.</summary>
    public static readonly byte[] Key = new byte[MachineKey.Size];

    /// <param name="key">Another one than the guest expects.</param>
    /// <param name="buffer">Bytes that the kernel may keep of what the script has not read, roughly.</param>
    public FakeDestination(Cluster cluster, Action<Caller> script, int buffer = 1 << 18, byte[]? key = null)
    {
        listener = cluster.AtClient(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = buffer };
            socket.Bind(new IPEndPoint(Cluster.Client, Upload.Port));
            socket.Listen();
            return socket;
        });
        thread = new Thread(() =>
        {
            try
            {
                var connection = listener.Accept();
                listener.Close();
                connection.NoDelay = true;
                connection.ReceiveTimeout = (int)Cluster.Patience.TotalMilliseconds;
                using var secure = SecureSocket.Accept(connection, Upload.Magic, Upload.Version, key ?? Key);
                script(new Caller(secure, () => isOver));
            }
            catch (ChannelException) when (key is not null)
            {
                // The guest does not speak to it, as it should not.
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
    }

    public void Dispose()
    {
        isOver = true;
        listener.Dispose();
        thread.Join();
        failure?.Throw();
    }
}

/// <summary>A guest that sends itself, as its destination sees it.</summary>
/// <param name="isOver">Whether the guest has said how the move has ended.</param>
internal sealed class Caller(SecureSocket secure, Func<bool> isOver)
{
    private readonly Socket socket = secure.Socket;
    private readonly byte[] buffer = new byte[8192];
    private int begin, end;
    private uint lastFrame;

    /// <summary>Frames that all records so far have named.</summary>
    private ulong named;

    public uint Frames { get; private set; }

    public long Records { get; private set; }

    /// <summary>From 1: each walks the frames upwards.</summary>
    public int Round { get; private set; } = 1;

    public byte[] Read(int count)
    {
        var bytes = new byte[count];
        for (var have = 0; have < count;)
        {
            if (begin == end)
            {
                begin = 0;
                end = secure.Receive(buffer);
                Assert.True(end > 0, "the guest closed the connection");
            }
            var piece = Math.Min(count - have, end - begin);
            buffer.AsSpan(begin, piece).CopyTo(bytes.AsSpan(have));
            begin += piece;
            have += piece;
        }
        return bytes;
    }

    /// <summary>The upload, which must be the loader.</summary>
    public void ReadUpload()
    {
        Assert.Equal(UploadRefusal.None, Upload.Parse(Read(Upload.Size), out var length, out _));
        Assert.Equal(Cluster.CheckpointLoader, Read((int)length));
    }

    public void Answer(UploadRefusal refusal = UploadRefusal.None)
    {
        var answer = new byte[UploadAnswer.Size];
        UploadAnswer.Emit(answer, UploadStage.Firmware, refusal);
        secure.Send(answer);
    }

    public void Accept()
    {
        ReadUpload();
        Answer();
    }

    public void ReadHeader()
    {
        Assert.Equal(CheckpointRefusal.None, CheckpointHeader.Parse(Read(CheckpointHeader.Size), MachineFeatures.Known, CheckpointHeader.MaxFrames, out var header));
        Frames = header.Frames;
    }

    /// <summary>One record with its page; false at the end record.</summary>
    public bool ReadRecord()
    {
        Assert.Equal(CheckpointRefusal.None, CheckpointRecord.Parse(Read(CheckpointRecord.Size), Frames, out var frame, out var flags, out var count));
        if (flags == RecordFlags.End)
            return false;
        if (flags == RecordFlags.Page)
            Read(CheckpointRecord.PageSize);
        if (flags == RecordFlags.Lines)
            Read(CheckpointLines.Size(Bytes.Le64(Read(CheckpointLines.MaskSize), 0)) - CheckpointLines.MaskSize);
        if (Records++ > 0 && frame <= lastFrame)
            Round++;
        lastFrame = frame + count - 1;
        named += count;
        return true;
    }

    public void ReadRecords(int count)
    {
        while (count-- > 0)
            Assert.True(ReadRecord(), "the checkpoint ended early");
    }

    /// <summary>Up to a record of this round.</summary>
    public void ReadToRound(int round)
    {
        while (Round < round)
            Assert.True(ReadRecord(), $"the checkpoint ended in round {Round}");
    }

    /// <summary>Slowly, until the guest stands still: the fork has been, and not everything after it has been taken.</summary>
    public void ReadToFork(LongConnection connection)
    {
        // The fork cannot be before every frame was sent once.
        while (named < (Frames - CheckpointHeader.FirstFrame) * 9UL / 10)
            Assert.True(ReadRecord(), "the checkpoint ended early");
        while (!connection.IsSilent(TimeSpan.FromMilliseconds(700)))
            Assert.True(ReadRecord() && ReadRecord(), "the guest did not stand still between its fork and the end of its checkpoint");
    }

    /// <summary>Everything up to the end record.</summary>
    public void ReadToEnd()
    {
        while (ReadRecord())
        {
        }
    }

    public void ReadAll()
    {
        ReadHeader();
        ReadToEnd();
        Read(CheckpointTrailer.Size);
    }

    public void Tell(HandOverKind kind, CheckpointRefusal reason = CheckpointRefusal.None, ulong detail = 0)
    {
        var record = new byte[HandOver.Size];
        HandOver.Emit(record, kind, reason, detail);
        Send(record);
    }

    public void Send(byte[] bytes) => secure.Send(bytes);

    /// <summary>The last words and the end of the stream in one segment (TCP_CORK, tcp(7)).</summary>
    public void TellAndHangUp(HandOverKind kind)
    {
        const int Tcp = 6, Cork = 3;
        socket.NoDelay = false;
        socket.SetRawSocketOption(Tcp, Cork, BitConverter.GetBytes(1));
        Tell(kind);
        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Ends this side of the connection.</summary>
    public void HangUp() => socket.Shutdown(SocketShutdown.Send);

    public void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    /// <summary>
    /// Takes and says nothing until the guest hangs up. How long that took. Once the move is over it takes what is there: the end of the
    /// guest's stream has no way through a closed window.
    /// </summary>
    public TimeSpan BeSilent(TimeSpan limit)
    {
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < limit)
        {
            if (HasHungUp())
                return Stopwatch.GetElapsedTime(start);
            while (isOver() && socket.Available > 0)
                socket.Receive(buffer);
            Thread.Sleep(10);
        }
        Assert.Fail($"the guest has waited for more than {limit.TotalSeconds} s");
        return default;
    }

    /// <summary>By the state of the connection (tcp(7), TCP_INFO): what the guest had sent before need not be read for it.</summary>
    private bool HasHungUp()
    {
        const int Tcp = 6, Information = 11, Closed = 7, CloseWait = 8, LastAcknowledgement = 9, Closing = 11;
        var information = new byte[8];
        socket.GetRawSocketOption(Tcp, Information, information);
        return information[0] is Closed or CloseWait or LastAcknowledgement or Closing;
    }
}
