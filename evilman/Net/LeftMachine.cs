using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using Evilman.Text;

namespace Evilman.Net;

/// <summary>
/// The machine that a guest has moved from. It ends by itself when it is told that the guest has arrived; when that
/// message was lost it stands still for ever, and only a holder of its key can end it (docs/migration.md, "The
/// hand-over").
/// </summary>
/// <param name="machineKey">Of that machine.</param>
internal sealed class LeftMachine(IPAddress node, byte[] machineKey)
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    /// <summary>How long it may take to end by itself.</summary>
    static readonly TimeSpan s_grace = TimeSpan.FromSeconds(1);

    /// <summary>Ends it. To be called once the guest itself has said that it has arrived.</summary>
    internal void End()
    {
        try
        {
            Thread.Sleep(s_grace);
            using var socket = EchoSocket.Open();
            var answer = MagicPinger.End(socket, node, machineKey, s_patience);
            switch (answer)
            {
                case null:
                    Say.Warn($"{node} does not answer: whether the old machine there has ended is not known");
                    break;
                case { Accepted: true }:
                    Say.Step($"the old machine on {node} had not heard of the arrival, and has been ended");
                    break;
                default:
                    Say.Note($"the old machine on {node} has ended");
                    break;
            }
        }
        catch (Exception failure) when (failure is Failure or SocketException)
        {
            Say.Warn($"whether the old machine on {node} has ended is not known: {failure.Message}");
        }
    }
}
