using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Migrate;

/// <summary>
/// The checkpoint's way from the kernel to the destination (contract: docs/architecture.md, "/dev/checkpoint";
/// docs/protocols.md, "Hand-over"). This process is part of what it sends: the same loop goes on in two places, and the
/// device says in which.
/// </summary>
internal unsafe struct Migration(Destination destination, int device, in Options options)
{
    /// <summary>Bytes of the stream that are asked for at once.</summary>
    private const int MaxAtOnce = 1 << 20;

    private readonly ulong rate = options.Rate;
    private readonly CheckpointOptions checks = ChecksOf(options);
    private readonly ulong giveUp = options.GiveUp * Timing.NanosecondsInSecond;
    private readonly ulong budget = options.Freeze * 1_000_000;
    private readonly ulong start = Timing.Now();
    private ulong bytes;
    private CheckpointProgress last;

    /// <summary>Pages that were sent in the rounds before this one.</summary>
    private ulong sentBefore;
    private bool verified;
    private ulong verifiedSinceFork;

    /// <summary>The end of what was sent last may wait for more.</summary>
    private bool isOpen;

    /// <summary>Frames of the guest's memory, which its checkpoint's header names.</summary>
    private uint frames;

    /// <summary>Returns on the destination, with Arrived, or on the source when the migration failed.</summary>
    public ExitCode Run()
    {
        bool areKnown = checks == CheckpointOptions.None
            || Host.Control(device, CheckpointControl.SetOptions, (nint)checks) == 0;
        if (!areKnown)
            return Failure.Say(ExitCode.NoCheckpoint, "it does not know these checks"u8);
        if (Host.Control(device, CheckpointControl.AddSocket, destination.Socket) < 0)
            return Failure.Say(ExitCode.NoCheckpoint, "it does not take the connection"u8);
        if (budget != 0 && Host.Control(device, CheckpointControl.SetBudget, (nint)budget) < 0)
            return Failure.Say(ExitCode.NoCheckpoint, "it does not take the time that the rest may take"u8);
        // The copy has no use for records that were being made here. Without this they are sent, too, after the fork.
        ScratchRequest scratch = new() { Address = (ulong)destination.Buffers, Length = Destination.BuffersSize };
        Host.Control(device, CheckpointControl.AddScratch, Syscall.AddressOf(ref scratch));
        ExitCode code = SendStream(out bool arrived);
        if (arrived)
        {
            ulong milliseconds = (Timing.Now() - start) / 1_000_000;
            Report.Arrived("migrate: we have arrived, % MiB and % ms after setting out"u8, bytes >> 20, milliseconds);
            return ExitCode.Arrived;
        }
        if (code == ExitCode.Arrived && !verified)
            code = AwaitVerdict();
        if (code != ExitCode.Arrived)
            return code;

        int result;
        do
        {
            // The last frames that only the copy may answer, and those that came meanwhile, for which the kernel puts
            // the commit off a few times. A destination that has closed the connection after VERIFIED does not get the
            // guest.
            if (SendLateFrames() < 0 || destination.HasSpoken(0))
                return Failure.Say(ExitCode.Broken, "the destination closed it before the commit"u8);
            // The copy's clocks go on by what has passed here since the fork: half-way between the other's word and
            // ours, as it takes its own time too, so that the way there and the way back cancel out (RFC 5905 §8).
            GetProgress(out CheckpointProgress now);
            result = Commit((verifiedSinceFork + now.SinceFork) / 2);
        }
        while (result == EAGAIN);
        return result switch
        {
            0 => AwaitOutcome(),
            EINVAL => ConfirmedTooSoon(),
            _ => Failure.Say(ExitCode.Broken, "the destination takes nothing any more"u8),
        };
    }

    private static CheckpointOptions ChecksOf(in Options options)
    {
        CheckpointOptions checks = CheckpointOptions.None;
        if (options.Checksum)
            checks |= CheckpointOptions.Checksum;
        if (options.Verify)
            checks |= CheckpointOptions.Verify;
        return checks;
    }

    // False when there is no checkpoint in progress: then it is all zeros.
    private readonly bool GetProgress(out CheckpointProgress progress)
    {
        progress = default;
        return Host.Control(device, CheckpointControl.GetProgress, Syscall.AddressOf(ref progress)) == 0;
    }

    /// <summary>0, or −errno; EAGAIN while a late frame waits that has to be sent before.</summary>
    private int Commit(ulong sinceFork)
    {
        ReadOnlySpan<byte> word = destination.Commit(sinceFork);
        CommitRequest request = new()
        {
            Socket = destination.Socket,
            Length = (uint)word.Length,
            Bytes = (ulong)Syscall.AddressOf(word),
        };
        int result = Host.Control(device, CheckpointControl.Commit, Syscall.AddressOf(ref request));
        if (result == EAGAIN)
            destination.TakeBack();
        return result;
    }

    /// <summary>
    /// After COMMIT, with everything else silent, until it is proved where the guest runs. Ends the machine when the
    /// destination says that it runs there. Returns when the destination's firmware says that it does not and will not:
    /// the guest goes on here, as after any move that failed. How a connection ends proves nothing: anybody can end it.
    /// </summary>
    private ExitCode AwaitOutcome()
    {
        const int FirstWait = 5_000;
        const int MinPause = 1_000;
        const int MaxPause = 60_000;
        bool isRunning = destination.HearRunning(FirstWait);
        for (int pause = MinPause; !isRunning; pause = Math.Min(2 * pause, MaxPause))
        {
            if (destination.Withdraw())
            {
                Host.Control(device, CheckpointControl.Stay);
                return Failure.Say(ExitCode.Broken, "the destination has not taken the guest and no longer can"u8);
            }
            if (pause == MinPause)
            {
                Host.Log("migrate: The destination does not say whether the guest runs there. "u8);
                Host.Log("Until it does, the guest stands still here.\n"u8);
            }
            ulong until = Timing.Now() + (ulong)pause * 1_000_000;
            isRunning = destination.HearRunning(pause);
            ulong now = Timing.Now();
            if (!isRunning && now < until)
                Timing.Sleep(until - now);
        }
        // Does not return.
        Host.Control(device, CheckpointControl.Leave);
        return ExitCode.Broken;
    }

    /// <summary>
    /// The next bytes of the stream onto the connection: in plain by sendfile(2), otherwise by reading and sealing a
    /// record at a time.
    /// </summary>
    /// <returns>How many, 0 at the end, or −errno.</returns>
    private int SendSome(int most)
    {
        // The header is read in either case: it says how much memory the guest has.
        bool isHeader = frames == 0;
        if (destination.IsPlain && !isHeader)
            return Syscall.Call(CallNumber.SendFile, destination.Socket, device, 0, most);
        int wanted = isHeader ? CheckpointHeader.Size : Math.Min(most, SecureChannel.MaxText);
        Span<byte> text = destination.Text.Slice(0, wanted);
        int count = Syscall.Read(device, text);
        if (count == 0 && isOpen)
            destination.Push();
        isOpen &= count < 0;
        if (count <= 0)
            return count;
        if (isHeader)
        {
            const uint MaxFrames = CheckpointHeader.MaxFrames;
            CheckpointHeader.Parse(text, MachineFeatures.Known, MaxFrames, out CheckpointHeader header);
            frames = header.Frames;
        }
        // Less than was wanted: the end of a round, of the stream, or nothing for now.
        isOpen = !isHeader && count == SecureChannel.MaxText;
        return destination.SendText(count, isOpen) ? count : destination.SendError;
    }

    /// <summary>All rounds, up to the trailer.</summary>
    private ExitCode SendStream(out bool arrived)
    {
        const int RecordsAtOnce = 4;
        int fullRecords = 0;
        arrived = false;
        while (true)
        {
            int sent = SendSome(rate == 0 ? MaxAtOnce : PacedCount());
            arrived = sent == ECANCELED;
            if (sent == 0 || arrived)
                return ExitCode.Arrived;
            if (sent == EINTR)
                continue;
            if (sent < 0)
                return HearRefusal(sent);
            bytes += (ulong)sent;
            // Within a round it is enough to look around every few records.
            fullRecords = sent == SecureChannel.MaxText ? fullRecords + 1 : 0;
            if (fullRecords % RecordsAtOnce != 0 && rate == 0)
                continue;
            // A refusal comes at any time; and where the trailer was among these bytes, the verdict may be here
            // already.
            if (!verified && destination.HasSpoken(0) && HearVerdict() is var code and not ExitCode.Arrived)
                return code;
            bool isRunning = ReportProgress();
            if (isRunning && giveUp != 0 && Timing.Now() - start >= giveUp)
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
        ulong end = Timing.Now() + destination.Patience;
        while (!destination.HasSpoken(2))
        {
            int sent = SendLateFrames();
            if (sent < 0)
                return HearRefusal(sent);
            if (Timing.Now() >= end)
                return Failure.Say(ExitCode.Broken, "the destination does not say whether it has the checkpoint"u8);
        }
        return HearVerdict();
    }

    private ExitCode HearVerdict()
    {
        if (!destination.Hear(out HandOverKind kind, out CheckpointRefusal refusal, out ulong detail))
            return Failure.Say(ExitCode.Broken, "the destination closed it before it had the checkpoint"u8);
        if (kind != HandOverKind.Verified)
            return Refused(kind, refusal, detail);
        GetProgress(out CheckpointProgress now);
        if (now.Phase == CheckpointPhase.Rounds)
            return ConfirmedTooSoon();
        verified = true;
        verifiedSinceFork = now.SinceFork;
        return ExitCode.Arrived;
    }

    /// <summary>0, or −errno.</summary>
    private int SendLateFrames()
    {
        int sent;
        do
            sent = SendSome(MaxAtOnce);
        while (sent > 0 || sent == EINTR);
        return sent;
    }

    /// <summary>The stream cannot go on: the kernel gives no more of it, or perhaps the loader has said why.</summary>
    private ExitCode HearRefusal(int error)
    {
        const int Moment = 1000;
        if (error == EOPNOTSUPP)
        {
            return Failure.Say(ExitCode.NoCheckpoint,
                "a program has begun to use of the processor what the destination was not asked for"u8);
        }
        bool hasSpoken = destination.HasSpoken(Moment);
        if (hasSpoken && destination.Hear(out HandOverKind kind, out CheckpointRefusal refusal, out ulong detail))
            return Refused(kind, refusal, detail);
        // A destination that has closed the connection takes nothing either, but then the closing is the reason.
        bool isSilent = error == ETIMEDOUT && (!hasSpoken || destination.IsDead);
        return isSilent
            ? Failure.Say(ExitCode.Broken, "the destination takes nothing any more"u8)
            : Failure.Say(ExitCode.Broken, "the destination closed it in the middle of the checkpoint"u8);
    }

    private static ExitCode ConfirmedTooSoon() =>
        Failure.Say(ExitCode.CheckpointRefused, "it confirms a checkpoint that it cannot have"u8);

    private readonly ExitCode Refused(HandOverKind kind, CheckpointRefusal refusal, ulong detail) => kind switch
    {
        HandOverKind.Refused => Failure.Refused(refusal, detail, frames),
        HandOverKind.Verified => ConfirmedTooSoon(),
        _ => Failure.Say(ExitCode.CheckpointRefused, "its answer makes no sense"u8),
    };

    /// <summary>
    /// A line for each round that has ended. False after the fork, when every word would only change more pages.
    /// </summary>
    private bool ReportProgress()
    {
        if (!GetProgress(out CheckpointProgress now) || now.Phase != CheckpointPhase.Rounds)
        {
            last.Phase = now.Phase;
            last.SinceFork = now.SinceFork;
            return false;
        }
        if (now.Round != last.Round)
        {
            ulong sent = now.PagesSent - now.PagesInRound;
            Report.Progress("migrate: round %: % pages sent, working set %, buffer % pages"u8,
                last.Round + 1, sent - sentBefore, last.WorkingSet, last.BufferPages);
            sentBefore = sent;
        }
        last = now;
        return true;
    }

    /// <summary>A hundredth of a second's worth.</summary>
    private readonly int PacedCount()
    {
        const ulong BytesOfMegabit = 125_000;
        const int MinAtOnce = 8192;
        return Math.Max((int)Math.Min(rate * BytesOfMegabit / 100, (ulong)MaxAtOnce), MinAtOnce);
    }

    /// <summary>Sleeps as long as more was sent than the rate allows.</summary>
    private readonly void Pace()
    {
        ulong due = bytes * 8000 / rate;
        ulong now = Timing.Now() - start;
        if (due > now)
            Timing.Sleep(due - now);
    }
}
