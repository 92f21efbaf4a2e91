using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Wire;
using Xunit;

namespace Guestos.Migrate.Tests;

/// <summary>
/// What a program may say to the device, and when (docs/architecture.md, "/dev/checkpoint"): every request at every
/// stage, in any order, beside a model.
/// </summary>
public sealed unsafe class DeviceTests
{
    private const uint Stream = 3;
    private const uint OtherStream = 4;
    private const uint Listener = 5;
    private const uint Datagram = 6;
    private const uint Nothing = 99;

    /// <summary>What the device should be.</summary>
    private sealed class Model
    {
        public CheckpointStage Stage;
        public readonly HashSet<uint> Sockets = [];
        public int Scratches;
        public int Mover;

        public bool IsForked => Stage >= CheckpointStage.Remainder;
    }

    private enum Kind
    {
        SetOptions,
        AddSocket,
        AddScratch,
        SetBudget,
        Advance,
        Commit,
        CommitBadly,
        Leave,
        Stay,
        Unknown,
        SwitchProcess,
        SendFile,
    }

    private static readonly Gen<(Kind, int)[]> s_requests =
        Gen.Select(Gen.Enum<Kind>(), Gen.Int[0, 11]).Array[1, 40];

    [Fact]
    public void Each_request_is_good_at_its_stage_and_does_nothing_at_others() =>
        s_requests.Sample(Run, iter: 60, threads: 1);

    private static void Run((Kind, int)[] requests)
    {
        using var source = new Source(1);
        source.OpenSocket(Stream, 30);
        source.OpenSocket(OtherStream, 40);
        source.OpenSocket(Listener, 50, listening: true);
        source.OpenSocket(Datagram, 60, SocketKind.Datagram);
        Assert.Equal(0, source.Open());
        Assert.Equal(Errno.EBUSY, source.Open());
        var model = new Model();
        int resets = Board.Processor.Resets;
        foreach ((Kind kind, int number) in requests)
        {
            long expected = Expect(model, kind, number, ref resets);
            long got = Make(source, model, kind, number);
            Assert.True(expected == got, $"{kind} {number} at {model.Stage}: {got} instead of {expected}");
            CheckpointState* state = Checkpoint.State;
            Assert.Equal(model.Stage, state->Stage);
            Assert.Equal(model.Mover, state->Mover);
            Assert.Equal(model.Scratches, state->ScratchCount);
            Assert.Equal(model.Sockets.Count, state->Sockets.All.Length);
            Assert.Equal(resets, Board.Processor.Resets);
            Assert.Equal(model.Stage == CheckpointStage.Committed ? ulong.MaxValue : 0, Thread.Current->BlockedSignals);
            Assert.Equal(model.Stage == CheckpointStage.Committed, Network.IsSilent && Thread.Current->BlockedSignals != 0);
            Assert.Equal(model.Stage.Phase(), source.Progress().Phase);
            Assert.Equal(model.IsForked, source.Progress().SinceFork != 0);
        }
        foreach (uint descriptor in new[] { Stream, OtherStream, Listener, Datagram })
            Assert.Equal(1, Descriptor.FileOf(descriptor)->References);
    }

    // Every second one is good: from 1 ms to 10 s.
    private static readonly ulong[] s_budgets = [999_999, 1_000_000, 10_000_000_001, 10_000_000_000];

    private static uint DescriptorOf(int number) => (number % 5) switch
    {
        0 => Stream,
        1 => OtherStream,
        2 => Listener,
        3 => Datagram,
        _ => Nothing,
    };

    private static ScratchRequest ScratchOf(int number) => (number % 6) switch
    {
        0 or 1 or 2 => new() { Address = 0x4000_0000, Length = 8192 },
        3 => new() { Address = 0x4000_0001, Length = 4096 },
        4 => new() { Address = AddressSpace.End - 4096, Length = 8192 },
        _ => new() { Address = 0x4000_0000, Length = 0 },
    };

    /// <summary>What the page on the device says, changed in the model.</summary>
    private static long Expect(Model model, Kind kind, int number, ref int resets)
    {
        bool hasCommitted = model.Stage == CheckpointStage.Committed && model.Mover == Process.Current->Id;
        switch (kind)
        {
            case Kind.SetOptions:
                return model.Stage == CheckpointStage.Header && number <= 3 ? 0 : Errno.EINVAL;
            case Kind.AddSocket when model.IsForked:
                return Errno.EINVAL;
            case Kind.AddSocket:
                if (DescriptorOf(number) is not (Stream or OtherStream))
                    return Errno.ENOTCONN;
                model.Sockets.Add(DescriptorOf(number));
                return 0;
            case Kind.AddScratch when model.IsForked || number % 6 > 2:
                return Errno.EINVAL;
            case Kind.AddScratch:
                if (model.Scratches == 4)
                    return Errno.ENOSPC;
                model.Scratches++;
                return 0;
            case Kind.SetBudget:
                return !model.IsForked && number % 2 == 1 ? 0 : Errno.EINVAL;
            case Kind.Commit:
                bool isGood = model.Stage == CheckpointStage.Late && model.Sockets.Contains(DescriptorOf(number));
                if (!isGood)
                    return Errno.EINVAL;
                model.Mover = Process.Current->Id;
                model.Stage = CheckpointStage.Committed;
                return 0;
            case Kind.CommitBadly:
                if (model.Stage != CheckpointStage.Late)
                    return Errno.EINVAL;
                return number % 3 == 0 ? Errno.EFAULT : Errno.EINVAL;
            case Kind.Leave:
                if (hasCommitted)
                    resets++;
                return hasCommitted ? 0 : Errno.EINVAL;
            case Kind.Stay:
                if (hasCommitted)
                    model.Stage = CheckpointStage.Late;
                return hasCommitted ? 0 : Errno.EINVAL;
            case Kind.Unknown:
                return Errno.ENOTTY;
            case Kind.SendFile:
                if (DescriptorOf(number) is not (Stream or OtherStream))
                    return Errno.ENOTCONN;
                // Who takes the stream is the mover, unless somebody has committed.
                if (model.Stage != CheckpointStage.Committed)
                    model.Mover = Process.Current->Id;
                if (model.IsForked && !model.Sockets.Contains(DescriptorOf(number)))
                    return Errno.EINVAL;
                model.Sockets.Add(DescriptorOf(number));
                return 0;
            default:
                return 0;
        }
    }

    private static long Make(Source source, Model model, Kind kind, int number)
    {
        switch (kind)
        {
            case Kind.SetOptions:
                return source.Ioctl(CheckpointControl.SetOptions, (ulong)number);
            case Kind.AddSocket:
                return source.Ioctl(CheckpointControl.AddSocket, DescriptorOf(number));
            case Kind.AddScratch:
                return source.Ioctl(CheckpointControl.AddScratch, UserMemory.Put(ScratchOf(number)));
            case Kind.SetBudget:
                return source.Ioctl(CheckpointControl.SetBudget, s_budgets[number % s_budgets.Length]);
            case Kind.Commit:
                return source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(DescriptorOf(number), 40)));
            case Kind.CommitBadly:
                return (number % 3) switch
                {
                    0 => source.Ioctl(CheckpointControl.Commit, 0),
                    1 => source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(Stream, 0))),
                    _ => source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(Stream, 257))),
                };
            case Kind.Leave:
                return source.Ioctl(CheckpointControl.Leave);
            case Kind.Stay:
                return source.Ioctl(CheckpointControl.Stay);
            case Kind.Unknown:
                return source.Ioctl((CheckpointControl)(0x4500 + 8 * (number + 2)));
            case Kind.SwitchProcess:
                Process.Current = number % 2 == 0 ? source.Mover : source.Writer;
                return 0;
            case Kind.SendFile:
                return source.SendFile(DescriptorOf(number), 0);
            default:
                Advance(source, model);
                return 0;
        }
    }

    private static CommitRequest RequestOf(uint descriptor, uint length) => new()
    {
        Socket = (int)descriptor,
        Length = length,
        Bytes = UserMemory.PutBytes(new byte[300]),
    };

    /// <summary>Reads until the stage is another one, or the stream ends. Each stage but the next is a failure.</summary>
    private static void Advance(Source source, Model model)
    {
        List<byte> stream = [];
        CheckpointStage before = model.Stage;
        long result = 1;
        for (int i = 0; i < 100_000 && result > 0 && Checkpoint.State->Stage == before; i++)
            result = source.Read(stream, before == CheckpointStage.Header ? 8u : 60_000u);
        Assert.True(result >= 0);
        Assert.True(Checkpoint.State->Stage != before || before >= CheckpointStage.Late, $"{before} never ends");
        Assert.True(Checkpoint.State->Stage <= CheckpointStage.Late || before == CheckpointStage.Committed);
        model.Stage = Checkpoint.State->Stage;
        if (before != CheckpointStage.Committed)
            model.Mover = Process.Current->Id;
    }

    /// <summary>After the fork its acknowledgements would be kept for the copy, and the stream would stand still.</summary>
    [Fact]
    public void A_connection_over_IPv6_is_refused()
    {
        using var source = new Source(8);
        source.OpenSocket(Stream, 30);
        source.OpenSocket(OtherStream, 40);
        Connection.Of(30).IsOverIpv6 = true;
        Assert.Equal(0, source.Open());
        Assert.Equal(Errno.EAFNOSUPPORT, source.Ioctl(CheckpointControl.AddSocket, Stream));
        Assert.Equal(Errno.EAFNOSUPPORT, source.SendFile(Stream, 100));
        Assert.True(Checkpoint.State->Sockets.All.IsEmpty && Checkpoint.State->Mover == 0);
        Assert.Equal(0, source.Ioctl(CheckpointControl.AddSocket, OtherStream));
        Assert.Equal([40], Checkpoint.State->Sockets.All.ToArray());
        source.Finish();
    }

    /// <summary>COMMIT waits for room, all of it, and meanwhile nobody else takes the stream or commits.</summary>
    [Fact]
    public void A_commit_that_waits_is_the_only_call()
    {
        using var source = new Source(2);
        uint socket = source.OpenSocket(Stream, 30);
        Assert.Equal(0, source.Open());
        Assert.Equal(0, source.Ioctl(CheckpointControl.AddSocket, socket));
        List<byte> stream = [];
        while (source.Read(stream, 60_000) > 0)
            continue;
        Connection connection = Connection.Of(30);
        Assert.True(connection.Send(new byte[connection.Capacity - 10]) > 0);
        int asked = 0;
        Connection.Work = () =>
        {
            asked++;
            Assert.Equal(Errno.EBUSY, source.Read(stream, 100));
            Assert.Equal(Errno.EBUSY, source.SendFile(socket, 100));
            Assert.Equal(Errno.EBUSY, source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(socket, 40))));
            Assert.False(Network.IsSilent);
        };
        Assert.Equal(0, source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(socket, 40))));
        Connection.Work = null;
        Assert.True(asked > 1);
        Assert.True(Network.IsSilent);
        connection.Transmit();
        Assert.Equal(connection.Capacity - 10 + 40, connection.Arrived.Count);
        Assert.Equal(0, source.Ioctl(CheckpointControl.Stay));
        source.Finish();
    }

    /// <summary>
    /// Behind COMMIT a late frame would be lost: one that has come has to be taken first, also one that comes as the call looks at the device.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_commit_comes_after_all_late_frames(bool isInDevice)
    {
        using var source = new Source(7);
        uint socket = source.OpenSocket(Stream, 30);
        Assert.Equal(0, source.Open());
        Assert.Equal(0, source.Ioctl(CheckpointControl.AddSocket, socket));
        List<byte> stream = [];
        while (source.Read(stream, 60_000) > 0)
            continue;
        if (isInDevice)
            Connection.Work = Capture;
        else
            Capture();
        Assert.Equal(Errno.EAGAIN, source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(socket, 40))));
        Connection.Work = null;
        Assert.Equal(CheckpointPhase.Forked, source.Progress().Phase);
        Assert.False(Network.IsSilent);
        stream.Clear();
        // Half a record is as bad.
        Assert.Equal(HandOver.Size, source.Read(stream, HandOver.Size));
        Assert.Equal(Errno.EAGAIN, source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(socket, 40))));
        Assert.Equal(8, source.Read(stream, 100));
        // But who never ceases to send does not keep the guest frozen.
        Connection.Work = Capture;
        for (int i = 0; i < 2; i++)
            Assert.Equal(Errno.EAGAIN, source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(socket, 40))));
        Assert.Equal(0, source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(socket, 40))));
        Connection.Work = null;
        Assert.Equal(0, source.Ioctl(CheckpointControl.Stay));
        source.Finish();

        static void Capture()
        {
            byte* frame = stackalloc byte[3];
            Netstack.FramePiece piece = new() { Address = frame, Length = 3 };
            Network.CaptureLate(&piece, 1);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_commit_that_is_not_queued_has_not_happened(bool isStuck)
    {
        using var source = new Source(3);
        uint socket = source.OpenSocket(Stream, 30);
        Assert.Equal(0, source.Open());
        Assert.Equal(0, source.Ioctl(CheckpointControl.AddSocket, socket));
        List<byte> stream = [];
        while (source.Read(stream, 60_000) > 0)
            continue;
        Connection connection = Connection.Of(30);
        if (isStuck)
            Assert.True(connection.Send(new byte[connection.Capacity]) > 0);
        connection.IsStuck = isStuck;
        connection.Error = isStuck ? 0 : Netstack.SocketError.Reset;
        Assert.Equal(isStuck ? Errno.ETIMEDOUT : Errno.ECONNRESET, source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(socket, 40))));
        Assert.Equal(CheckpointPhase.Forked, source.Progress().Phase);
        Assert.False(Network.IsSilent);
        Assert.Equal(0ul, Thread.Current->BlockedSignals);
        source.Close();
        Assert.Null(Network.Speaking);
        source.Finish();
    }

    /// <summary>Frames that come after the fork follow the trailer, or are delivered here when the move fails.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Late_frames_follow_or_are_delivered(bool follows)
    {
        using var source = new Source(4);
        Assert.Equal(0, source.Open());
        List<byte> stream = [];
        while (source.Read(stream, 60_000) > 0)
            continue;
        byte[][] frames = [[1, 2, 3], new byte[1500], [.. Enumerable.Range(0, 64).Select(i => (byte)i)]];
        foreach (byte[] frame in frames)
        {
            fixed (byte* bytes = frame)
            {
                Netstack.FramePiece piece = new() { Address = bytes, Length = frame.Length };
                Network.CaptureLate(&piece, 1);
            }
        }
        Assert.Equal(3ul, source.Progress().LateFrames);
        if (follows)
        {
            stream.Clear();
            while (source.Read(stream, 100) > 0)
                continue;
            foreach (byte[] frame in frames)
            {
                Assert.True(HandOver.TryParse(stream.Take(HandOver.Size).ToArray(), out HandOverKind kind, out _, out ulong length));
                Assert.Equal(HandOverKind.Late, kind);
                Assert.Equal(frame, stream.Skip(HandOver.Size).Take((int)length));
                stream.RemoveRange(0, HandOver.Size + (((int)length + 7) & ~7));
            }
            Assert.Empty(stream);
        }
        source.Close();
        Assert.Equal(frames, Network.Delivered);
        source.Finish();
    }

    /// <summary>The copy's call fails with ECANCELED, all of the checkpoint is given back, and there is none any more.</summary>
    [Fact]
    public void In_the_copy_there_is_no_checkpoint()
    {
        using var source = new Source(5);
        Assert.Equal(0, source.Open());
        ForkEntry.Arrives = true;
        List<byte> stream = [];
        long result = 1;
        while (result > 0)
            result = source.Read(stream, 60_000);
        Assert.Equal(Errno.ECANCELED, result);
        Assert.True(Checkpoint.State == null);
        Assert.Equal(Errno.ECANCELED, source.Read(stream, 100));
        Assert.Equal(Errno.ECANCELED, source.Ioctl(CheckpointControl.GetProgress, UserMemory.At));
        Assert.True(Traps.OnWriteFault == null);
        source.Close();
        Assert.Equal(0, source.Open());
        source.Finish();
    }

    /// <summary>Whoever commits and ends without a word leaves a machine that stays silent.</summary>
    [Fact]
    public void A_commit_without_a_word_keeps_the_machine_silent()
    {
        using var source = new Source(6);
        uint socket = source.OpenSocket(Stream, 30);
        Assert.Equal(0, source.Open());
        Assert.Equal(0, source.Ioctl(CheckpointControl.AddSocket, socket));
        List<byte> stream = [];
        while (source.Read(stream, 60_000) > 0)
            continue;
        Assert.Equal(0, source.Ioctl(CheckpointControl.Commit, UserMemory.Put(RequestOf(socket, 1))));
        source.Close();
        Assert.True(Checkpoint.State != null && Network.IsSilent);
        Assert.Contains("this machine stays silent", Console.Text, StringComparison.Ordinal);
        Assert.Equal(0, source.Ioctl(CheckpointControl.Stay));
        source.Finish();
    }
}
