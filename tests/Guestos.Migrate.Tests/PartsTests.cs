using System;
using System.Collections.Generic;
using System.Linq;
using CsCheck;
using Wire;
using Xunit;

namespace Guestos.Migrate.Tests;

/// <summary>The parts of a checkpoint, each for itself.</summary>
public sealed unsafe class PartsTests
{
    /// <summary>Beside a set of the framework's, with a size that is no multiple of 64.</summary>
    [Fact]
    public void A_set_of_frames_is_a_set()
    {
        const uint Size = 1000;
        byte[] memory = new byte[FrameSet.Bytes(Size)];
        fixed (byte* bytes = memory)
        {
            var at = (nint)bytes;
            Gen.Select(Gen.Int[0, 3], Gen.UInt[0, Size + 70]).Array[1, 200].Sample(steps =>
            {
                var set = new FrameSet((byte*)at, Size);
                set.Clear();
                var model = new SortedSet<uint>();
                foreach ((int what, uint frame) in steps)
                {
                    if (what == 0)
                        Assert.Equal(frame < Size && model.Add(frame), set.Add(frame));
                    else if (what == 1)
                    {
                        set.Remove(frame);
                        model.Remove(frame);
                    }
                    else
                        Assert.Equal(model.Where(member => member >= frame).Append(uint.MaxValue).First(), set.Next(frame));
                    Assert.Equal(model.Contains(frame), set.Contains(frame));
                    Assert.Equal((uint)model.Count, set.Count);
                }
            }, iter: 300, threads: 1);
            foreach (uint size in new uint[] { 640, 641, 703, 704 })
            {
                var set = new FrameSet((byte*)at, size);
                set.Clear();
                set.AddFrom(128);
                Assert.Equal(size - 128, set.Count);
                Assert.Equal(128u, set.Next(0));
                Assert.True(set.Contains(size - 1) && !set.Contains(size));
                Assert.Equal(uint.MaxValue, set.Next(size));
            }
        }
    }

    [Fact]
    public void Late_frames_are_kept_in_order_until_there_is_no_room()
    {
        byte[] memory = new byte[HandOver.LateCapacity + 1];
        memory[^1] = 0xa5;
        fixed (byte* bytes = memory)
        {
            var late = new LateFrames(bytes);
            byte[] first = [1, 2, 3, 4, 5], second = new byte[HandOver.MaxLateFrame + 1];
            fixed (byte* from = first)
            fixed (byte* tooLong = second)
            {
                Netstack.FramePiece* pieces = stackalloc Netstack.FramePiece[2];
                pieces[0] = new() { Address = from, Length = 2 };
                pieces[1] = new() { Address = from + 2, Length = 3 };
                late.Capture(pieces, 2);
                pieces[0] = new() { Address = tooLong, Length = second.Length };
                late.Capture(pieces, 1);
                Assert.Equal((1ul, 1ul), (late.Count, late.Dropped));
                pieces[0].Length = 1500;
                while (late.Dropped == 1)
                    late.Capture(pieces, 1);
            }
            int cursor = 0, frames = 0;
            while (late.Next(ref cursor, out byte* frame, out int length))
            {
                if (frames == 0)
                    Assert.Equal(first, new ReadOnlySpan<byte>(frame, length).ToArray());
                frames++;
            }
            Assert.Equal(late.Count, (ulong)frames);
            int unsent = late.Unsent.Length;
            Assert.InRange(unsent, HandOver.LateCapacity - 1600, HandOver.LateCapacity);
            late.Sent(unsent);
            Assert.True(late.Unsent.IsEmpty);
        }
        Assert.Equal(0xa5, memory[^1]);
    }

    [Fact]
    public void A_piece_is_a_run_and_then_a_page()
    {
        byte* bytes = stackalloc byte[16];
        CheckpointPiece piece = default;
        Assert.True(piece.IsEmpty);
        piece.Set(bytes, 16, 77);
        piece.Take(10);
        Assert.Equal(6, piece.Run.Length);
        piece.Take(6);
        Assert.True(piece.Run.IsEmpty && !piece.IsEmpty);
        piece.Take(4000);
        Assert.Equal((77u, 4000, 96), (piece.Page, piece.PageOffset, piece.PageLength));
        piece.Take(96);
        Assert.True(piece.IsEmpty);
    }

    [Fact]
    public void Stages_follow_upon_each_other_in_one_way_only()
    {
        CheckpointState state = default;
        foreach (CheckpointStage stage in new[] { CheckpointStage.Protection, CheckpointStage.Round, CheckpointStage.Protection, CheckpointStage.Round, CheckpointStage.Remainder, CheckpointStage.Late, CheckpointStage.Committed, CheckpointStage.Late })
            state.Enter(stage);
        foreach (CheckpointStage stage in Enum.GetValues<CheckpointStage>())
            if (stage != CheckpointStage.Committed)
                Assert.Throws<InvalidOperationException>(() => EnterFromLate(stage));
    }

    private static void EnterFromLate(CheckpointStage stage)
    {
        CheckpointState state = default;
        foreach (CheckpointStage next in new[] { CheckpointStage.Protection, CheckpointStage.Round, CheckpointStage.Remainder, CheckpointStage.Late })
            state.Enter(next);
        state.Enter(stage);
    }

    /// <summary>
    /// A process that writes more than it is granted waits until the cleaner has sent enough; one that writes little
    /// never does, nor does the mover; and with no progress nobody waits for long.
    /// </summary>
    [Fact]
    public void Who_outruns_the_cleaner_waits_and_nobody_else()
    {
        using var source = new Source(7);
        Assert.Equal(0, source.Open());
        CheckpointState* state = Checkpoint.State;
        List<byte> stream = [];
        source.Read(stream, 100);
        state->PagesInRound = 0;
        Process.Current = source.Writer;
        for (int i = 0; i < 100; i++)
            RateLimit.Charge(state);
        Assert.False(RateLimit.MustWait(state, source.Writer), "in the first rounds nobody waits");
        state->Round = 3;
        Assert.True(RateLimit.MustWait(state, source.Writer));
        Assert.False(RateLimit.MustWait(state, source.Mover));
        state->PagesInRound = 2 * (100 - 32);
        Assert.False(RateLimit.MustWait(state, source.Writer), "what the cleaner sends is granted by half");
        state->PagesInRound -= 2;
        Assert.True(RateLimit.MustWait(state, source.Writer));

        // It sleeps until there was progress, and when there is none, until the time is up.
        Scheduler.WhileAsleep.Enqueue(() =>
        {
            Checkpoint.State->PagesInRound += 2;
            Checkpoint.State->PagesSent++;
            return WaitResult.Woken;
        });
        RateLimit.Hold();
        Assert.Empty(Scheduler.WhileAsleep);
        state->PagesInRound = 0;
        ulong before = Clock.Monotonic;
        RateLimit.Hold();
        Assert.InRange(Clock.Monotonic - before, 1_000_000_000ul, 1_100_000_000ul);

        // At the end of a round the grant is paid, and the rest stays owed.
        state->PagesInRound = 20;
        RateLimit.Settle(state);
        Assert.Equal(100u - 42u, state->Debts[Source.WriterId].Pages);
        Assert.Equal(1u, state->HeavyWriters);
        Process.Current = source.Mover;
        source.Finish();
    }

    /// <summary>
    /// The fork is due when the rest is sent within the budget, of which each round uses more, at the best pace so far;
    /// the budget grows only when nobody can be slowed any more.
    /// </summary>
    [Fact]
    public void The_fork_is_due_when_the_rest_is_sent_within_the_budget()
    {
        using var source = new Source(8);
        Assert.Equal(0, source.Open());
        CheckpointState* state = Checkpoint.State;
        Clock.Step = 0;
        foreach (ulong milliseconds in new ulong[] { 1, 5, 19 })
        {
            Clock.Monotonic = milliseconds * 1_000_000;
            for (int i = 0; i < 4; i++)
                ForkThreshold.Taken(state, 16 * 1024);
        }
        Assert.Equal(1_000_000ul, state->Pace);  // a millisecond for four pages

        Assert.False(ForkThreshold.IsReached(state), "never in the first round");
        state->Round = 1;
        Assert.True(ForkThreshold.IsReached(state), "nothing is due");
        MakeDirty(state, 7);
        Assert.True(ForkThreshold.IsReached(state), "seven pages take less than 2 ms");
        MakeDirty(state, 8);
        Assert.False(ForkThreshold.IsReached(state), "eight pages and their headers take more");
        state->Round = 2;
        Assert.True(ForkThreshold.IsReached(state));
        state->Round = 5;
        MakeDirty(state, 39);
        Assert.True(ForkThreshold.IsReached(state), "39 pages take less than 10 ms");
        state->Round = RateLimit.SlowestRound;
        MakeDirty(state, 40);
        Assert.False(ForkThreshold.IsReached(state), "40 take more, and the budget stays as long as somebody can be slowed");
        state->Round++;
        Assert.True(ForkThreshold.IsReached(state));

        // What a program says counts instead.
        state->Round = 40;
        Assert.Equal(Errno.EINVAL, source.Ioctl(CheckpointControl.SetBudget, 999_999));
        Assert.Equal(Errno.EINVAL, source.Ioctl(CheckpointControl.SetBudget, 10_000_000_001));
        Assert.Equal(0, source.Ioctl(CheckpointControl.SetBudget, 20_000_000));
        Assert.True(ForkThreshold.IsReached(state));

        state->Round = 100_000;
        MakeDirty(state, (int)state->BufferCount);
        Assert.True(ForkThreshold.IsReached(state));
        MakeDirty(state, (int)state->BufferCount + 1);
        Assert.False(ForkThreshold.IsReached(state), "more than the snapshot buffer holds is never due");
        source.Finish();
    }

    private static void MakeDirty(CheckpointState* state, int pages)
    {
        for (uint frame = 2000; frame < 2000 + pages; frame++)
            state->Dirty.Add(frame);
    }

    /// <summary>The send buffer takes a lot at once: the line's pace is that of what is acknowledged.</summary>
    [Fact]
    public void The_pace_is_the_lines_where_that_is_slower()
    {
        using var source = new Source(12);
        Assert.Equal(0, source.Open());
        CheckpointState* state = Checkpoint.State;
        source.OpenSocket(5, 3);
        Assert.Equal(0, source.Ioctl(CheckpointControl.AddSocket, 5));
        Connection connection = Connection.Of(3);
        connection.Capacity = 1 << 20;
        Clock.Step = 0;
        Clock.Monotonic = 1_000_000;
        // Taken at a microsecond for 16 KiB until the buffer is full, and delivered at 4 ms for as much.
        for (int i = 0; i < 128; i++)
        {
            if (connection.Room < 16 * 1024)
            {
                Clock.Monotonic += 4_000_000;
                connection.Transmit(1);
            }
            Assert.Equal(16 * 1024, connection.Send(new byte[16 * 1024]));
            Clock.Monotonic += 1_000;
            ForkThreshold.Taken(state, 16 * 1024);
        }
        Assert.Equal(1_000ul, state->Pace);
        Assert.InRange(state->LinePace, 4_000_000ul, 4_100_000ul);
        state->Round = 5;
        MakeDirty(state, 9);
        Assert.True(ForkThreshold.IsReached(state));
        MakeDirty(state, 11);
        Assert.False(ForkThreshold.IsReached(state), "eleven pages take more than 10 ms on this line");
        source.Finish();
    }

    /// <summary>The snapshot buffer has room for what was written to in the last round, and for no more than helps.</summary>
    [Fact]
    public void The_snapshot_buffer_follows_the_working_set()
    {
        using var source = new Source(13);
        Assert.Equal(0, source.Open());
        CheckpointState* state = Checkpoint.State;
        Assert.Equal(64u, state->BufferPages);
        MakeDirty(state, 300);
        Assert.True(SnapshotBuffer.Follow(state));
        Assert.Equal(300u, state->BufferPages);
        Assert.True(state->BufferCount >= 300);
        state->Dirty.Clear();
        MakeDirty(state, 100);
        Assert.True(SnapshotBuffer.Follow(state));
        Assert.Equal(100u, state->BufferPages);

        // Where a page takes a millisecond, ten fit into the budget beside those of which lines are sent.
        state->Pace = 4_000_000;
        state->Dirty.Clear();
        MakeDirty(state, 1000);
        Assert.True(SnapshotBuffer.Follow(state));
        Assert.Equal(SentPages.MaxPages(state->Frames) + 9, state->BufferPages);
        source.Finish();
    }

    /// <summary>
    /// What the mover has said is scratch arrives as zeros when it would have to be sent after the fork, unless others
    /// see it; so do rings that no connection holds.
    /// </summary>
    [Fact]
    public void Dead_memory_is_not_kept()
    {
        using var source = new Source(9);
        AddressSpace* space = source.Mover->Space;
        for (ulong page = 0; page < 3; page++)
            source.WriteUser(space, page);
        uint shared = Source.FrameAt(space, 2);
        Frames.AddReference((ulong)shared * Frames.Size);
        Assert.Equal(0, source.Open());
        Assert.Equal(0, source.Ioctl(CheckpointControl.AddScratch, UserMemory.Put(new ScratchRequest { Address = Source.AddressOf(1), Length = 2 * Frames.Size })));
        List<byte> stream = [];
        Connection.Work = null;
        long result = 1;
        while (result > 0)
        {
            // So little at a time that no page has its turn and the fork in one call.
            result = source.Read(stream, Checkpoint.State->Round == 0 ? 50_000u : 20u);
            for (ulong page = 0; page < 3 && !Checkpoint.State->IsForked; page++)
                source.WriteUser(space, page);
        }
        var receiver = Receiver.Of(stream.ToArray(), CheckpointHash.None);
        uint scratch = Source.FrameAt(space, 1);
        Assert.True(receiver.Page(scratch)!.All(value => value == 0), "scratch arrives");
        source.Check(receiver, scratch);
        Frames.Release((ulong)shared * Frames.Size);
        source.Finish();
    }

    /// <summary>The list of what is to be protected again may run over: then everything is walked through once more.</summary>
    [Fact]
    public void A_list_that_runs_over_is_no_harm()
    {
        using var source = new Source(10);
        Assert.Equal(0, source.Open());
        Checkpoint.State->UnprotectedCapacity = 5;
        List<byte> stream = [];
        int overflows = 0;
        while (source.Read(stream, 20_000) > 0)
        {
            if (Checkpoint.State->IsForked || Checkpoint.State->Round >= 4)
                continue;
            source.Work(20);
            overflows += Checkpoint.State->UnprotectedOverflow ? 1 : 0;
        }
        source.Check(Receiver.Of(stream.ToArray(), CheckpointHash.None));
        Assert.True(Checkpoint.State->Round >= 4);
        Assert.NotEqual(0, overflows);
        source.Finish();
    }

    [Fact]
    public void Without_memory_there_is_no_checkpoint_and_nothing_is_lost()
    {
        using var source = new Source(11);
        List<ulong> hoard = [];
        while (Frames.Free > Frames.KernelReserve + 20)
            hoard.Add(Frames.Allocate());
        ulong before = Frames.Free;
        Assert.Equal(Errno.ENOMEM, source.Open());
        Assert.Equal(before, Frames.Free);
        Assert.Contains("its tables need", Console.Text, StringComparison.Ordinal);
        foreach (ulong frame in hoard)
            Frames.Release(frame);
        source.Finish();
    }

    /// <summary>Its tables take frames of which no two lie side by side.</summary>
    [Fact]
    public void Memory_in_single_frames_does_for_a_checkpoint()
    {
        using var source = new Source(12);
        List<ulong> hoard = [];
        for (ulong frame = Frames.Allocate(); frame != 0; frame = Frames.Allocate())
            hoard.Add(frame);
        hoard.Sort();
        for (int i = 0; i < hoard.Count; i += 2)
            Frames.Release(hoard[i]);
        Assert.Equal(0, source.Open());
        for (int i = 1; i < hoard.Count; i += 2)
            Frames.Release(hoard[i]);
        source.Finish();
    }

    /// <summary>
    /// Memory is protected a piece at a time: with a clock that goes on by a piece's time at each look, a piece ends at
    /// the first look, and there are several.
    /// </summary>
    [Fact]
    public void Memory_is_protected_by_pieces()
    {
        using var source = new Source(13);
        Assert.Equal(0, source.Open());
        List<byte> stream = [];
        Assert.Equal(1, source.Read(stream, 1));
        Assert.Equal(CheckpointStage.Protection, Checkpoint.State->Stage);
        int pieces = 1;
        Clock.Step = 1_000_000;
        while (!WriteProtection.ProtectPiece(Checkpoint.State))
            pieces++;
        Clock.Step = 0;
        Assert.InRange(pieces, 2, 10_000);
        source.Close();
        source.Finish();
    }

    /// <summary>Closed at any time, the guest goes on: its pages can be written to, and the next checkpoint is whole.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(400)]
    public void A_checkpoint_that_is_given_up_leaves_nothing(int reads)
    {
        using var source = new Source(reads);
        ulong free = Frames.Free;
        Assert.Equal(0, source.Open());
        List<byte> stream = [];
        for (int i = 0; i < reads && source.Read(stream, 60_000) > 0; i++)
            source.Work(5);
        source.Close();
        source.Work(200);
        Assert.Equal(0, source.Open());
        stream.Clear();
        while (source.Read(stream, 60_000) > 0)
            source.Work(5);
        source.Check(Receiver.Of(stream.ToArray(), CheckpointHash.None));
        source.Finish();
    }
}
