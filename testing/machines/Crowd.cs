using System;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Net.Sockets;

namespace Testing.Machines;

/// <summary>
/// Clients without the key at a port of the secure channel: some repeat a recorded first message and then send nothing, others only
/// connect. Each connects again as soon as it is refused, the silent ones also after a while.
/// </summary>
public sealed class Crowd : Strangers
{
    private const int Silent = 20;

    private static readonly TimeSpan s_stay = TimeSpan.FromMilliseconds(400), s_pause = TimeSpan.FromMilliseconds(20);

    private readonly byte[] message;

    /// <param name="message">A customer's hello and first message, which the server has answered already.</param>
    /// <param name="enter">Puts the calling thread where its sockets shall belong.</param>
    /// <param name="replaying">How many repeat the message: more than the server has places.</param>
    public Crowd(IPEndPoint port, byte[] message, Action<Action> enter, int replaying) : base(port, enter)
    {
        this.message = message;
        Serve([.. Enumerable.Range(0, replaying + Silent).Select(i => new Member(i < replaying))]);
    }

    private sealed class Member(bool replays) : Stranger
    {
        public readonly bool Replays = replays;
        public long Since;
        public bool HasSpoken;
    }

    protected override void Step(Stranger stranger)
    {
        var member = (Member)stranger;
        if (member.Socket == null)
        {
            if (Stopwatch.GetElapsedTime(member.Since) < s_pause)
                return;
            member.Since = Stopwatch.GetTimestamp();
            member.HasSpoken = false;
            Connect(member);
            return;
        }
        try
        {
            if (member.Replays && !member.HasSpoken && member.Socket.Poll(0, SelectMode.SelectWrite))
            {
                member.Socket.Send(message);
                member.HasSpoken = true;
            }
            bool isBorne = member.Replays || Stopwatch.GetElapsedTime(member.Since) < s_stay;
            bool isOver = IsOver(member.Socket);
            if (isBorne && !isOver)
                return;
        }
        catch (SocketException)
        {
            // Refused.
        }
        member.Socket.Dispose();
        member.Socket = null;
        member.Since = Stopwatch.GetTimestamp();
    }
}
