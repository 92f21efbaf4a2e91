using System;
using System.Collections.Generic;
using System.Net.Sockets;
using System.Threading;
using Testing;
using Testing.Machines;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Cstrap.Tests;

/// <summary>loader/checkpoint: each lie is refused with its reason, and a right checkpoint runs once, and only after COMMIT.</summary>
public sealed class CheckpointTests
{
    private static readonly byte[] s_loader = Repository.ReadImage("loader-checkpoint");

    [RootTheory, Monitors]
    public void Hostile_streams_are_refused_with_their_reason(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] good = new CheckpointStream().Recovery().End();

        Refused(CheckpointRefusal.BadHeader, 0, With(good, 0, 0));
        Refused(CheckpointRefusal.UnknownVersion, 0, With(good, 4, CheckpointHeader.Version ^ 1));
        Refused(CheckpointRefusal.BadHeader, 0, With(good, 6, 2));
        Refused(CheckpointRefusal.BadHeader, 0, With(good, 7, 1));
        Refused(CheckpointRefusal.BadHeader, 0, With(good, 63, 1));
        Refused(CheckpointRefusal.MissingFeatures, 1 << 30, new CheckpointStream(features: CheckpointStream.Common | (MachineFeatures)(1 << 30)).End());
        Refused(CheckpointRefusal.MissingFeatures, (ulong)MachineFeatures.VirtioBlock, new CheckpointStream(features: MachineFeatures.VirtioBlock).End());
        Refused(CheckpointRefusal.NotEnoughMemory, 16384, new CheckpointStream(frames: 16385).End());
        Refused(CheckpointRefusal.NotEnoughMemory, 16384, new CheckpointStream(frames: CheckpointHeader.FirstFrame).End());
        Refused(CheckpointRefusal.BadEntry, 0, new CheckpointStream(entry: 0x400000).End());
        Refused(CheckpointRefusal.BadEntry, 0, new CheckpointStream(entry: CheckpointHeader.DirectMap + 0x3fffff).End());
        Refused(CheckpointRefusal.BadEntry, 0, new CheckpointStream(entry: CheckpointHeader.DirectMap + 0x4000000).End());

        Refused(CheckpointRefusal.ForeignAddress, 0x0a000004, new CheckpointStream(addresses: 0x0a000004).Recovery().End());
        Refused(CheckpointRefusal.ForeignAddress, 0x0a000004, new CheckpointStream(addresses: [0x0a000003, 0x0a000004]).Recovery().End());

        Refused(CheckpointRefusal.FrameOutOfRange, 0x3ff, new CheckpointStream().Zero(0x3ff).End());
        Refused(CheckpointRefusal.FrameOutOfRange, 0x300, new CheckpointStream().Recovery().Page(0x300, CheckpointStream.RecoveryCode).End());
        Refused(CheckpointRefusal.FrameOutOfRange, 16384, new CheckpointStream().Zero(16384).End());
        Refused(CheckpointRefusal.FrameOutOfRange, 4000, new CheckpointStream(frames: 4000).Zero(4000).End());
        Refused(CheckpointRefusal.FrameOutOfRange, uint.MaxValue, new CheckpointStream().Zero(uint.MaxValue).End());
        Refused(CheckpointRefusal.BadRecord, 1, new CheckpointStream().Recovery().Raw(0, 4, 0, 0, 4, 0, 0, 0).End());
        Refused(CheckpointRefusal.BadRecord, 1, new CheckpointStream().Recovery().Raw(0, 4, 0, 0, 3, 0, 0, 0).End());
        Refused(CheckpointRefusal.BadRecord, 1, new CheckpointStream().Recovery().Raw(0, 4, 0, 0, 0, 0, 1, 0).End());
        Refused(CheckpointRefusal.BadRecord, 0, new CheckpointStream().Raw(0, 4, 0, 0, 0, 0x80, 0, 0).End());

        // Zeros: of more frames than there are, and a number of frames where there is one.
        Refused(CheckpointRefusal.FrameOutOfRange, 0x500, new CheckpointStream().Recovery().Zero(0x500, 16384 - 0x500 + 1).End());
        Refused(CheckpointRefusal.FrameOutOfRange, 16383, new CheckpointStream().Recovery().Zero(16383, CheckpointRecord.MaxZeros).End());
        Refused(CheckpointRefusal.FrameOutOfRange, 0x3ff, new CheckpointStream().Zero(0x3ff, 2).End());
        Refused(CheckpointRefusal.BadRecord, 1, new CheckpointStream().Recovery().Raw(0, 5, 0, 0, 2, 0, 1, 0).End());
        Refused(CheckpointRefusal.BadRecord, 1, new CheckpointStream().Recovery().Raw(0xff, 0xff, 0xff, 0xff, 0, 0x80, 1, 0).End());
        Refused(CheckpointRefusal.MissingFrames, 0x400, new CheckpointStream().Zero(0x401, 16384 - 0x401).End());
        Refused(CheckpointRefusal.WrongHash, 2, With(new CheckpointStream().Recovery().Zero(0x500, 7).End(), 64 + 8 + 4096 + 6, 7));

        var miscounted = new CheckpointStream().Recovery();
        miscounted.Records++;
        Refused(CheckpointRefusal.WrongCount, 1, miscounted.End());
        Refused(CheckpointRefusal.WrongHash, 1, new CheckpointStream().Recovery().End(damage: 1));
        Refused(CheckpointRefusal.WrongHash, 2, With(new CheckpointStream().Recovery().Page(0x500, new byte[4096]).End(), 64 + 8 + 4096 + 8 + 77, 1));
        Refused(CheckpointRefusal.MissingFrames, 0x400, new CheckpointStream().Zero(0x500).End());

        Refused(CheckpointRefusal.Truncated, 0, good[..20]);
        Refused(CheckpointRefusal.Truncated, 0, good[..64]);
        Refused(CheckpointRefusal.Truncated, 1, good[..(64 + 8 + 1000)]);
        Refused(CheckpointRefusal.Truncated, 1, good[..^1]);

        // Lines of a page: of one that has not come, none, of a frame that is none, too few, wrong ones.
        byte[] page = new byte[4096], zeros = new byte[4096];
        Array.Fill(page, (byte)1, 60, 200);
        Refused(CheckpointRefusal.MissingFrames, 0x501, new CheckpointStream().Recovery().Zero(0x500).Lines(0x501, page, zeros).End());
        Refused(CheckpointRefusal.BadRecord, 2, new CheckpointStream().Recovery().Lines(0x400, page, 0).End());
        Refused(CheckpointRefusal.FrameOutOfRange, 0x3ff, new CheckpointStream().Recovery().Lines(0x3ff, page, ulong.MaxValue).End());
        Refused(CheckpointRefusal.FrameOutOfRange, 16384, new CheckpointStream().Recovery().Lines(16384, page, 1).End());
        byte[] cut = new CheckpointStream().Recovery().Zero(0x500).Lines(0x500, page, zeros).Unfinished();
        Refused(CheckpointRefusal.Truncated, 3, cut[..^1]);
        Refused(CheckpointRefusal.Truncated, 3, cut[..^(5 * CheckpointLines.LineSize + 1)]);
        Refused(CheckpointRefusal.WrongHash, 3, With(new CheckpointStream().Recovery().Zero(0x500).Lines(0x500, page, zeros).End(),
            cut.Length - CheckpointLines.LineSize, 2));

        // And none of that keeps a right one out, in which nothing is left of what came before: the hash counts what lies beside the line.
        byte[] left = new byte[4096];
        Array.Fill(left, (byte)7);
        Refused(CheckpointRefusal.Truncated, 2, new CheckpointStream().Recovery().Page(0x500, left).Unfinished());
        byte[] afterwards = new CheckpointStream().Recovery().Zero(0x500, 2).Lines(0x500, page, zeros).End();
        Assert.Contains("arrived +A0", Arrive(machine, afterwards), StringComparison.Ordinal);

        void Refused(CheckpointRefusal reason, ulong detail, byte[] stream)
        {
            using SecureSocket socket = machine.UploadLoader(s_loader);
            socket.Send(stream);
            socket.Socket.Shutdown(SocketShutdown.Send);
            Assert.Equal((HandOverKind.Refused, reason, detail), Client.Verdict(socket));
        }
    }

    [RootTheory, Monitors]
    public void Nothing_runs_before_the_commit(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] good = new CheckpointStream().Recovery().End();
        using (SecureSocket gone = machine.UploadLoader(s_loader))
        {
            gone.Send(good);
            Assert.Equal(HandOverKind.Verified, Client.Verdict(gone).Kind);
            gone.Socket.LingerState = new LingerOption(true, 0);
        }
        using (SecureSocket left = machine.UploadLoader(s_loader))
        {
            left.Send(good);
            Assert.Equal(HandOverKind.Verified, Client.Verdict(left).Kind);
            left.Socket.Shutdown(SocketShutdown.Send);
            Assert.Equal((HandOverKind.Refused, CheckpointRefusal.Truncated, 0ul), Client.Verdict(left));
        }
        using (SecureSocket wrong = machine.UploadLoader(s_loader))
        {
            wrong.Send(good);
            Assert.Equal(HandOverKind.Verified, Client.Verdict(wrong).Kind);
            wrong.Send(Client.Record(HandOverKind.Running));
            Assert.Equal((HandOverKind.Refused, CheckpointRefusal.BadRecord, 0ul), Client.Verdict(wrong));
        }
        using (SecureSocket late = machine.UploadLoader(s_loader))
        {
            late.Send(good);
            Assert.Equal(HandOverKind.Verified, Client.Verdict(late).Kind);
            late.Send(Client.Record(HandOverKind.Late, HandOver.MaxLateFrame + 1));
            Assert.Equal((HandOverKind.Refused, CheckpointRefusal.BadRecord, 0ul), Client.Verdict(late));
        }
        Assert.DoesNotContain("arrived", machine.Console, StringComparison.Ordinal);
        Assert.Contains("arrived +A0", Arrive(machine, good), StringComparison.Ordinal);
    }

    [RootTheory, Monitors]
    public void A_whole_machine_arrives_with_its_late_frames(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        // Every frame twice, the second time as zeros, shuffled: the last one wins. The recovery code comes last of all.
        var stream = new CheckpointStream();
        var random = new Random(7);
        uint[] order = new uint[16384 - 0x400];
        for (uint i = 0; i < order.Length; i++)
            order[i] = 0x400 + i;
        random.Shuffle(order);
        byte[] page = new byte[4096];
        foreach (uint frame in order)
        {
            random.NextBytes(page.AsSpan(0, 64));
            stream.Page(frame, page);
        }
        for (int i = 0; i < order.Length; i += 2)
            stream.Zero(order[i]);
        // And a row of them, of frames that hold something and of frames that hold nothing.
        stream.Zero(0x1000, 300);
        // Of some of those that are not zeros lines follow: the first, and any others.
        for (int i = 1; i < order.Length; i += 32)
        {
            ulong lines = (ulong)random.NextInt64() << random.Next(2) | 1;
            page.AsSpan().Clear();
            for (ulong left = lines; CheckpointLines.TakeRun(ref left, out int offset, out int length);)
                random.NextBytes(page.AsSpan(offset, length));
            stream.Lines(order[i], page, lines);
        }
        byte[] bytes = stream.Recovery().End();
        byte[] frameA = [.. Client.Record(HandOverKind.Late, 3), .. "xyz"u8, 0, 0, 0, 0, 0];
        Assert.Contains("arrived +A2x", Arrive(machine, bytes, frameA), StringComparison.Ordinal);
    }

    [RootTheory, Monitors]
    public void More_late_frames_than_fit_are_dropped(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        byte[] record = [.. Client.Record(HandOverKind.Late, HandOver.MaxLateFrame), .. new byte[(HandOver.MaxLateFrame + 7) & ~7]];
        byte[] late = [.. Client.Record(HandOverKind.Late, 1), (byte)'q', 0, 0, 0, 0, 0, 0, 0, .. record, .. record, .. record, .. record, .. record];
        Assert.Contains("arrived +A", Arrive(machine, new CheckpointStream().Recovery().End(), late), StringComparison.Ordinal);
    }

    [RootTheory, Monitors]
    public void A_checkpoint_without_hash_is_taken_by_its_count(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        Assert.Contains("arrived +A0", Arrive(machine, new CheckpointStream(hash: CheckpointHash.None).Recovery().End()), StringComparison.Ordinal);
    }

    /// <summary>The hash takes no memory of the loader's, however large the guest is.</summary>
    [RootTheory, Monitors]
    public void A_large_machine_is_verified_too(string monitor)
    {
        using var machine = new Machine(monitor, s_loader, memory: 512);
        using (SecureSocket socket = machine.UploadLoader(s_loader))
        {
            socket.Send(new CheckpointStream(frames: 131072).Recovery().Zero(131071).End(damage: 1));
            Assert.Equal((HandOverKind.Refused, CheckpointRefusal.WrongHash, 2ul), Client.Verdict(socket));
        }
        Assert.Contains("arrived +A0", Arrive(machine, new CheckpointStream(frames: 131072).Recovery().Zero(131071).End()), StringComparison.Ordinal);
    }

    [RootTheory, Monitors]
    public void What_was_verified_can_be_withdrawn_before_its_commit(string monitor)
    {
        using var machine = new Machine(monitor, s_loader);
        using (SecureSocket socket = machine.UploadLoader(s_loader))
        {
            socket.Send(new CheckpointStream().Recovery().End());
            Assert.Equal(HandOverKind.Verified, Client.Verdict(socket).Kind);
            Assert.Equal((UploadStage.Firmware, UploadRefusal.None, 0ul), Withdraw(machine));
            machine.Await("the sender went away before it committed");
            Assert.False(IsAnswered(socket), "a commit is taken after it was withdrawn");
        }
        // The machine is empty, which is no reason to refuse.
        Assert.Equal((UploadStage.Firmware, UploadRefusal.None, 0ul), Withdraw(machine));
        Assert.Contains("arrived +A0", Arrive(machine, new CheckpointStream().Recovery().End()), StringComparison.Ordinal);
    }

    /// <summary>
    /// Until the guest itself can announce its addresses its peers would send to the machine that it has left, where nobody takes anything any
    /// more. This one never does, it only says that it has arrived; and one that is not taken is not announced.
    /// </summary>
    [RootTheory, Monitors]
    public void With_the_commit_the_guests_addresses_are_announced(string monitor)
    {
        const uint Address = 0x0a000003;
        using var machine = new Machine(monitor, s_loader);
        byte[] stream = new CheckpointStream(addresses: Address).Recovery().End();
        int link = PacketSocket.OpenLink(machine.Space.Name, "br0", 100);
        try
        {
            using (SecureSocket gone = machine.UploadLoader(s_loader))
            {
                gone.Send(stream);
                Assert.Equal(HandOverKind.Verified, Client.Verdict(gone).Kind);
            }
            Assert.Empty(Announced());
            Arrive(machine, stream);
            Assert.Equal([1, 2], Announced());
        }
        finally
        {
            _ = PacketSocket.close(link);
        }

        // Operations of the gratuitous ARP packets that have come since, for the guest's address and from the machine's own (RFC 5227 §3).
        List<int> Announced()
        {
            List<int> operations = [];
            while (PacketSocket.Receive(link) is { Length: >= 42 } frame)
            {
                bool isGratuitous = Bytes.Be16(frame, 12) == Packetd.Packet.TypeArp && Bytes.Be32(frame, 28) == Address && Bytes.Be32(frame, 38) == Address;
                if (!isGratuitous)
                    continue;
                Assert.Equal("FFFFFFFFFFFF02450A000002", Convert.ToHexString(frame.AsSpan(0, 12)));
                Assert.Equal("02450A000002", Convert.ToHexString(frame.AsSpan(22, 6)));
                operations.Add(Bytes.Be16(frame, 20));
            }
            return operations;
        }
    }

    /// <summary>At the same moment: either the commit is taken or its withdrawal is.</summary>
    [RootTheory]
    [InlineData("domain", 4)]
    public void A_commit_and_its_withdrawal_are_never_both_taken(string monitor, int rounds)
    {
        for (int round = 0; round < rounds; round++)
        {
            using var machine = new Machine(monitor, s_loader);
            using SecureSocket socket = machine.UploadLoader(s_loader);
            socket.Send(new CheckpointStream().Recovery().End());
            Assert.Equal(HandOverKind.Verified, Client.Verdict(socket).Kind);
            using SecureSocket other = Client.Open(machine.Space.Connect());
            bool isWithdrawn = false;
            var withdrawing = new Thread(() => isWithdrawn = IsWithdrawn(other));
            withdrawing.Start();
            bool isTaken = IsAnswered(socket);
            if (isTaken)
                machine.Kill(); // so that the other one need not wait
            withdrawing.Join();
            Assert.NotEqual(isTaken, isWithdrawn);
        }
    }

    private static bool IsAnswered(SecureSocket socket)
    {
        try
        {
            socket.Send(Client.Record(HandOverKind.Commit));
            return Client.Read(socket, HandOver.Size).Length == HandOver.Size;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static bool IsWithdrawn(SecureSocket socket)
    {
        try
        {
            return Withdraw(socket).Refusal == UploadRefusal.None;
        }
        catch (Exception gone) when (gone is SocketException or Xunit.Sdk.XunitException)
        {
            return false;
        }
    }

    private static (UploadStage Stage, UploadRefusal Refusal, ulong Detail) Withdraw(Machine machine)
    {
        using SecureSocket socket = Client.Open(machine.Space.Connect());
        return Withdraw(socket);
    }

    private static (UploadStage Stage, UploadRefusal Refusal, ulong Detail) Withdraw(SecureSocket socket)
    {
        byte[] header = new byte[Upload.Size];
        Upload.Emit(header, 0, Upload.Withdraw);
        socket.Send(header);
        return Client.Answer(socket);
    }

    private static string Arrive(Machine machine, byte[] stream, params byte[] late)
    {
        using SecureSocket socket = machine.UploadLoader(s_loader);
        socket.Send(stream);
        Assert.Equal((HandOverKind.Verified, CheckpointRefusal.None, 0ul), Client.Verdict(socket));
        socket.Send([.. late, .. Client.Record(HandOverKind.Commit)]);
        Assert.Equal((HandOverKind.Running, CheckpointRefusal.None, 0ul), Client.Verdict(socket));
        machine.Await("arrived ");
        Assert.True(machine.HasEnded(5000), "the recovered code's reset does not end the machine");
        return machine.Console;
    }

    private static byte[] With(byte[] bytes, int at, byte value)
    {
        byte[] copy = (byte[])bytes.Clone();
        copy[at] = value;
        return copy;
    }
}
