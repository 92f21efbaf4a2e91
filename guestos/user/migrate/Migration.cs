using System;
using Wire;

namespace Migrate;

/// <summary>
/// The checkpoint's way from the kernel to the destination (contract: docs/architecture.md, "/dev/checkpoint"; docs/protocols.md,
/// "Hand-over"). This process is part of what it sends: the same loop goes on in two places, and the device says in which.
/// </summary>
internal unsafe struct Migration(Destination destination, int device, in Options options)
{
    private const uint SetOptions = 0x4501;
    private const uint GetProgress = 0x4502;
    private const uint Commit = 0x4503;
    private const uint AddSocket = 0x4504;
    private const uint AddScratch = 0x4505;
    private const uint Leave = 0x4506;
    private const uint Stay = 0x4507;
    private const ulong ChecksumOption = 1, VerifyOption = 2, PhaseRounds = 1;
    private const nint MostAtOnce = 1 << 20;

    /// <summary>What CHECKPOINT_PROGRESS fills.</summary>
    private struct Progress
    {
        public ulong Phase, Round, PagesInRound, PagesSent, WorkingSet, BufferPages, Postponed, LateFrames, SinceFork;
    }

    /// <summary>What CHECKPOINT_COMMIT reads.</summary>
    private struct CommitRequest
    {
        public int Socket;
        public uint Length;
        public byte* Bytes;
    }

    /// <summary>What CHECKPOINT_SCRATCH reads.</summary>
    private struct ScratchRequest
    {
        public byte* Address;
        public ulong Length;
    }

    private readonly ulong rate = options.Rate;
    private readonly ulong checks = (options.Checksum ? ChecksumOption : 0) | (options.Verify ? VerifyOption : 0);
    private readonly ulong giveUp = options.GiveUp * 1_000_000_000;
    private readonly ulong start = Kernel.Now();
    private ulong bytes;
    private Progress last;
    private bool verified;
    private ulong verifiedSinceFork;

    /// <summary>Frames of the guest's memory, which its checkpoint's header names.</summary>
    private uint frames;

    /// <summary>Returns on the destination, with Arrived, or on the source when the migration failed.</summary>
    public ExitCode Run()
    {
        if (checks != 0 && Kernel.Control(device, SetOptions, (void*)checks) < 0)
            return Failure.Say(ExitCode.NoCheckpoint, "it does not know these checks"u8);
        if (Kernel.Control(device, AddSocket, (void*)destination.Socket) < 0)
            return Failure.Say(ExitCode.NoCheckpoint, "it does not take the connection"u8);
        // The copy has no use for records that were being made here. Without this they are sent, too, after the fork.
        ScratchRequest scratch = new() { Address = destination.Buffers, Length = Destination.BuffersSize };
        Kernel.Control(device, AddScratch, &scratch);
        ExitCode code = SendStream(out bool arrived);
        if (arrived)
        {
            Line.Of("migrate: we have arrived, "u8).Add(bytes >> 20).Add(" MiB and "u8).Add((Kernel.Now() - start) / 1_000_000)
                .Add(" ms after setting out"u8).Arrive();
            return ExitCode.Arrived;
        }
        if (code == ExitCode.Arrived && !verified)
            code = AwaitVerdict();
        if (code != ExitCode.Arrived)
            return code;

        // The last frames that only the copy may answer. Who says VERIFIED and hangs up shall not have the machine.
        if (SendLateFrames() < 0 || destination.HasSpoken(0))
            return Failure.Say(ExitCode.Broken, "the destination closed it before the commit"u8);
        // The copy's clocks go on by what has passed here since the fork: half-way between the other's word and ours, as it takes its own time too,
        // so that the way there and the way back cancel out (RFC 5905 §8).
        Progress now = default;
        Kernel.Control(device, GetProgress, &now);
        ReadOnlySpan<byte> word = destination.Commit((verifiedSinceFork + now.SinceFork) / 2);
        fixed (byte* first = word)
        {
            CommitRequest request = new() { Socket = destination.Socket, Length = (uint)word.Length, Bytes = first };
            int error = -Kernel.Control(device, Commit, &request);
            if (error != 0)
            {
                return error == Kernel.InvalidError
                    ? Failure.Say(ExitCode.CheckpointRefused, "it confirms a checkpoint that it cannot have"u8)
                    : Failure.Say(ExitCode.Broken, "the destination takes nothing any more"u8);
            }
        }
        return AwaitOutcome();
    }

    /// <summary>
    /// After COMMIT, with everything else silent, until it is proved where the guest runs. Ends the machine when the
    /// destination says that it runs there. Returns when the destination's firmware says that it does not and will not:
    /// the guest goes on here, as after any move that failed. How a connection ends proves nothing: anybody can end it.
    /// </summary>
    private ExitCode AwaitOutcome()
    {
        const int FirstWait = 5_000;
        const int ShortestPause = 1_000;
        const int LongestPause = 60_000;
        bool isRunning = destination.HearRunning(FirstWait);
        for (int pause = ShortestPause; !isRunning; pause = Math.Min(2 * pause, LongestPause))
        {
            if (destination.Withdraw())
            {
                Kernel.Control(device, Stay, null);
                return Failure.Say(ExitCode.Broken, "the destination has not taken the guest and no longer can"u8);
            }
            if (pause == ShortestPause)
            {
                Kernel.Log("migrate: The destination does not say whether the guest runs there. "u8);
                Kernel.Log("Until it does, the guest stands still here.\n"u8);
            }
            ulong until = Kernel.Now() + (ulong)pause * 1_000_000;
            isRunning = destination.HearRunning(pause);
            ulong now = Kernel.Now();
            if (!isRunning && now < until)
                Kernel.Sleep(until - now);
        }
        // Does not return.
        Kernel.Control(device, Leave, null);
        return ExitCode.Broken;
    }

    /// <summary>
    /// The next bytes of the stream onto the connection: what <c>sendfile</c> gives, in plain by <c>sendfile</c> itself, otherwise by reading and
    /// sealing a record at a time.
    /// </summary>
    /// <returns>How many, 0 at the end, or -errno.</returns>
    private nint SendSome(nint most)
    {
        // The header is read in either case: it says how much memory the guest has.
        if (destination.IsPlain && frames != 0)
            return Kernel.SendFile(destination.Socket, device, most);
        nint count = Kernel.Read(device, destination.Text, frames == 0 ? CheckpointHeader.Size : (nint)Math.Min((long)most, SecureChannel.MaxText));
        if (count <= 0)
            return count;
        if (frames == 0)
        {
            CheckpointHeader.Parse(new ReadOnlySpan<byte>(destination.Text, CheckpointHeader.Size), MachineFeatures.Known, CheckpointHeader.MaxFrames, out CheckpointHeader header);
            frames = header.Frames;
        }
        return destination.SendText((int)count) ? count : destination.SendError;
    }

    /// <summary>All rounds, up to the trailer.</summary>
    private ExitCode SendStream(out bool arrived)
    {
        arrived = false;
        while (true)
        {
            nint sent = SendSome(rate == 0 ? MostAtOnce : PacedCount());
            if (sent == 0)
                return ExitCode.Arrived;
            if (sent == -Kernel.CanceledError)
            {
                arrived = true;
                return ExitCode.Arrived;
            }
            if (sent == -Kernel.InterruptedError)
                continue;
            if (sent < 0)
                return HearRefusal(sent);
            bytes += (ulong)sent;
            // A refusal comes at any time; and where the trailer was among these bytes, the verdict may be here already.
            if (!verified && destination.HasSpoken(0) && HearVerdict() is var code and not ExitCode.Arrived)
                return code;
            bool isRunning = Report();
            if (isRunning && giveUp != 0 && Kernel.Now() - start >= giveUp)
            {
                return Failure.Say(ExitCode.GaveUp,
                    "The snapshot did not come in time: the machine changes its memory faster than it can be sent"u8);
            }
            // From the fork on the guest stands still: all the rest together has the time that a silence has before.
            if (!isRunning && last.SinceFork > destination.Patience)
                return Failure.Say(ExitCode.Broken, "the destination takes nothing any more"u8);
            if (isRunning && rate != 0)
                Pace();
        }
    }

    /// <summary>Sends what came late while the destination makes up its mind.</summary>
    private ExitCode AwaitVerdict()
    {
        ulong end = Kernel.Now() + destination.Patience;
        while (!destination.HasSpoken(2))
        {
            nint sent = SendLateFrames();
            if (sent < 0)
                return HearRefusal(sent);
            if (Kernel.Now() >= end)
                return Failure.Say(ExitCode.Broken, "the destination does not say whether it has the checkpoint"u8);
        }
        return HearVerdict();
    }

    private ExitCode HearVerdict()
    {
        if (!destination.Hear(out HandOverKind kind, out CheckpointRefusal refusal, out ulong detail))
            return Failure.Say(ExitCode.Broken, "the destination closed it before it had the checkpoint"u8);
        Progress now = default;
        if (kind == HandOverKind.Verified && Kernel.Control(device, GetProgress, &now) == 0 && now.Phase == PhaseRounds)
            return Failure.Say(ExitCode.CheckpointRefused, "it confirms a checkpoint that it cannot have"u8);
        verified = kind == HandOverKind.Verified;
        verifiedSinceFork = now.SinceFork;
        return verified ? ExitCode.Arrived : Refused(kind, refusal, detail);
    }

    /// <summary>0, or -errno.</summary>
    private nint SendLateFrames()
    {
        nint sent;
        do
            sent = SendSome(MostAtOnce);
        while (sent > 0 || sent == -Kernel.InterruptedError);
        return sent;
    }

    /// <summary>The stream cannot go on: perhaps the loader has said why.</summary>
    private ExitCode HearRefusal(nint error)
    {
        if (destination.HasSpoken(1000) && destination.Hear(out HandOverKind kind, out CheckpointRefusal refusal, out ulong detail))
            return Refused(kind, refusal, detail);
        return error == -Kernel.TimedOutError
            ? Failure.Say(ExitCode.Broken, "the destination takes nothing any more"u8)
            : Failure.Say(ExitCode.Broken, "the destination closed it in the middle of the checkpoint"u8);
    }

    private readonly ExitCode Refused(HandOverKind kind, CheckpointRefusal refusal, ulong detail) => kind switch
    {
        HandOverKind.Refused => Failure.Refused(refusal, detail, frames),
        HandOverKind.Verified => Failure.Say(ExitCode.CheckpointRefused, "it confirms a checkpoint that it cannot have"u8),
        _ => Failure.Say(ExitCode.CheckpointRefused, "its answer makes no sense"u8),
    };

    /// <summary>A line for each round that has ended. False after the fork, when every word would only change more pages.</summary>
    private bool Report()
    {
        Progress now = default;
        if (Kernel.Control(device, GetProgress, &now) < 0 || now.Phase != PhaseRounds)
        {
            last.Phase = now.Phase;
            last.SinceFork = now.SinceFork;
            return false;
        }
        if (now.Round != last.Round)
        {
            Line.Of("migrate: round "u8).Add(last.Round + 1).Add(": "u8).Add(now.PagesSent - now.PagesInRound - sentBefore).Add(" pages sent, working set "u8)
                .Add(last.WorkingSet).Add(", buffer "u8).Add(last.BufferPages).Add(" pages"u8).Say();
            sentBefore = now.PagesSent - now.PagesInRound;
        }
        last = now;
        return true;
    }

    private ulong sentBefore;

    /// <summary>A hundredth of a second's worth.</summary>
    private readonly nint PacedCount() => Math.Max((int)Math.Min(rate * 1250, (ulong)MostAtOnce), 8192);

    /// <summary>Sleeps as long as more was sent than the rate allows.</summary>
    private readonly void Pace()
    {
        ulong due = bytes * 8000 / rate, now = Kernel.Now() - start;
        if (due > now)
            Kernel.Sleep(due - now);
    }
}
