using System;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Evilman.Text;

namespace Evilman.Net;

/// <summary>
/// A machine that this command has started and that is good for nothing unless the command succeeds: however the
/// command ends, by success, failure, SIGINT, SIGTERM or SIGHUP, the machine is then either kept or ended. That it has
/// ended is what the node says, which nothing proves: no key is thrown away for it.
/// </summary>
internal sealed class StartedMachine : IDisposable
{
    /// <summary>
    /// How long a command that has failed already waits for the node. If it does not answer, the machine's lease ends
    /// it.
    /// </summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    readonly IPAddress node;
    readonly byte[] machineKey;
    readonly PosixSignalRegistration[] signals;
    readonly object gate = new();
    bool settled;

    /// <param name="interrupted">
    /// What else an interruption ends or says, before the machine is ended; may be null.
    /// </param>
    internal StartedMachine(IPAddress node, byte[] machineKey, Action? interrupted = null)
    {
        (this.node, this.machineKey) = (node, machineKey);
        signals = Array.ConvertAll((PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP],
            signal => PosixSignalRegistration.Create(signal, _ =>
            {
                interrupted?.Invoke();
                End("interrupted");
                Environment.Exit(ExitCode.Interrupted);
            }));
    }

    /// <summary>From now on the machine outlives the command.</summary>
    internal void Keep()
    {
        lock (gate)
            settled = true;
    }

    public void Dispose()
    {
        End("the step failed");
        foreach (var signal in signals)
            signal.Dispose();
    }

    void End(string why)
    {
        lock (gate)
        {
            if (settled)
                return;
            settled = true;
        }
        try
        {
            using var socket = EchoSocket.Open();
            var answer = MagicPinger.End(socket, node, machineKey, s_patience);
            Say.Complain(answer switch
            {
                { Accepted: true } => $"{why}: the machine on {node} has been ended",
                null => $"{why}: {node} does not answer, so its machine ends when its lease does",
                _ => $"{why}: the machine on {node} had ended already",
            });
        }
        catch (Exception failure) when (failure is Failure or SocketException)
        {
            Say.Complain($"{why}: the machine on {node} ends when its lease does ({failure.Message})");
        }
    }
}
