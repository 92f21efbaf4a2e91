using System;
using System.Runtime;
using Board;
using Wire;

namespace Loader.Checkpoint;

/// <summary>
/// Receives a guest that migrates itself here. Exactly one side runs: this one only after it has the whole checkpoint,
/// has said so, the sender has committed, and the answer RUNNING is queued (docs/protocols.md, "Hand-over"). Whatever
/// goes wrong before that ends with the firmware waiting again.
/// </summary>
internal static unsafe class Program
{
    [RuntimeExport("loader_main")]
    private static void Main(ServiceTable* services)
    {
        Peer peer = new(services);
        if (!peer.IsKnown)
            return;
        CheckpointReader reader = new(peer);
        CheckpointRefusal refusal = reader.Receive();
        if (reader.Broken)
        {
            peer.Say("loader: the sender went away\n"u8);
            return;
        }
        if (refusal != CheckpointRefusal.None)
        {
            Refuse(peer, refusal, reader.Detail);
            return;
        }
        ulong verified = Processor.ReadTimeStampCounter();
        if (!Send(peer, HandOverKind.Verified, CheckpointRefusal.None, 0) || !AwaitCommit(peer))
            return;
        // The sender's time is that of half-way between its hearing the one and saying the other.
        ulong committed = Processor.ReadTimeStampCounter();
        Areas.Arrival()->Counter = verified + (committed - verified) / 2;
        Areas.Arrival()->CounterKilohertz = peer.CounterKilohertz;
        Areas.Arrival()->TimerKilohertz = peer.TimerKilohertz;
        // Once RUNNING is queued the firmware hears nobody any more. Unless all of it is, the sender may have had an
        // answer by now that its COMMIT is not taken (Upload.Withdraw).
        if (!Send(peer, HandOverKind.Running, CheckpointRefusal.None, 0))
        {
            peer.Say("loader: the sender went away as it committed\n"u8);
            return;
        }
        // It is sent three times in all, since nobody here will know that it was lost: a line that loses one frame of a
        // hundred then leaves one sender of a million that stands still and does not know that it may end.
        // The sender answers nobody any more. Frames that come between this and the guest's start of the device wait in
        // the machine's link: a device that is reset takes none.
        reader.ClaimAddresses();
        peer.Flush(0);
        peer.Flush(0);
        peer.Quiesce();
        Unroll.Run(reader.RecoveryEntry, peer.StartInfoPhysical, reader.RecoveryArgument);
    }

    /// <summary>True once the sender has committed.</summary>
    private static bool AwaitCommit(Peer peer)
    {
        byte* record = stackalloc byte[HandOver.Size];
        while (true)
        {
            int result = peer.Receive(record, HandOver.Size);
            if (result == 0 && HandOver.TryParse(new ReadOnlySpan<byte>(record, HandOver.Size), out HandOverKind kind,
                out _, out ulong detail))
            {
                if (kind == HandOverKind.Commit)
                {
                    Areas.Arrival()->SinceSnapshot = detail;
                    return true;
                }
                if (kind == HandOverKind.Late)
                    result = LateFrames.Take(peer, detail);
                else
                    result = 2;
                if (result == 0)
                    continue;
            }
            if (result < 0)
                peer.Say("loader: the sender went away before it committed\n"u8);
            else
                Refuse(peer, result == 1 ? CheckpointRefusal.Truncated : CheckpointRefusal.BadRecord, 0);
            return false;
        }
    }

    private static bool Send(Peer peer, HandOverKind kind, CheckpointRefusal refusal, ulong detail)
    {
        byte* record = stackalloc byte[HandOver.Size];
        HandOver.Emit(new Span<byte>(record, HandOver.Size), kind, refusal, detail);
        return peer.Send(record, HandOver.Size);
    }

    private static void Refuse(Peer peer, CheckpointRefusal refusal, ulong detail)
    {
        peer.Say("loader: refused a checkpoint, reason "u8);
        peer.SayNumber((ulong)refusal);
        peer.Say("\n"u8);
        Send(peer, HandOverKind.Refused, refusal, detail);
    }
}
