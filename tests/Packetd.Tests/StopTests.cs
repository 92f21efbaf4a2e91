using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Packetd.Tests;

/// <summary>packetd does not run for a while: what has room in a queue comes, the rest is lost and counted.</summary>
public class StopTests
{
    private const uint Boot = 0x0A000032, Other = 0x0A000033;
    private const int SigCont = 18, SigStop = 19;

    [RootFact]
    public async Task Stopped_for_a_minute_packetd_loses_what_its_queues_have_no_room_for()
    {
        using var lab = new Lab();
        byte[] Long(int seed, uint boot) => (Lab.Token(seed, boot) with { Expires = Lab.Token(seed).Expires + 600 }).Payload();
        byte[] token = Long(400, Boot), other = Long(401, Other);
        Assert.Equal(Refusal.None, lab.Ping(token));
        PacketSocket.kill(lab.Pid, SigStop);
        // The queue for domains has 32 MiB at most, and a frame takes more than its own size in it: the first fit, the rest cannot.
        const int First = 10_000, Rest = 60_000, Size = 1000;
        int sent = 0;
        for (int i = 0; i < First; i++)
            sent += PacketSocket.Send(lab.Socket, Lab.ToDomain(Boot, Size).AsSpan(10)) ? 1 : 0;
        Assert.Equal((First, 0), (sent, lab.LinkDrops));
        for (int i = 0; i < Rest; i++)
            sent += PacketSocket.Send(lab.Socket, Lab.ToDomain(Boot, Size).AsSpan(10)) ? 1 : 0;
        int lost = lab.LinkDrops;
        Assert.Equal(First + Rest, sent);
        Assert.InRange(lost, 1, Rest);
        // The other queue has room: a token waits in it, five times.
        for (int i = 0; i < 5; i++)
            lab.Send(Frames.Echo(other));
        await Task.Delay(TimeSpan.FromMinutes(1));
        PacketSocket.kill(lab.Pid, SigCont);

        var answers = new List<Refusal>();
        while (answers.Count < 5 && lab.Await(IsReply) is { } reply)
            answers.Add((Refusal)reply[54]);
        Assert.Equal([Refusal.None, Refusal.Replayed, Refusal.Replayed, Refusal.Replayed, Refusal.Replayed], answers);
        Assert.Equal(Refusal.Replayed, lab.Ping(token));
        Assert.Equal(50, lab.RoundTrips(Other, 50));
        while (lab.Receive(_ => true) != null)
            continue; // until the machine has nothing more to send back, and room for an order
        Assert.Equal(lost, lab.LinkDrops);
        lab.Order(Boot, 1, 0);
        Counters counted = lab.Ended(0, "exit code 0");
        // Every frame is somewhere: lost in the link's queue, dropped at the machine's, or received; so is the order.
        Assert.Equal((ulong)(sent - lost + 1), counted.Received + counted.Dropped);
        Assert.Equal(counted.Received - 1, counted.Sent);

        static bool IsReply(byte[] frame) => frame.Length == 42 + MagicReply.Size && frame[34] == 0 && frame[23] == 1;
    }
}
