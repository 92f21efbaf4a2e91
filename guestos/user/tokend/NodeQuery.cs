using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Tokend;

/// <summary>Asks the node for the machine's account (docs/protocols.md, "Request about an account").</summary>
internal static class NodeQuery
{
    private const int EchoHeader = 8;

    // Types of ICMP messages (RFC 792).
    private const byte EchoRequest = 8;
    private const byte EchoReply = 0;

    /// <summary>Milliseconds between two copies of a ping, and how many there are.</summary>
    private const int Repeat = 100;
    private const int Tries = 20;

    /// <returns>
    /// Whether the machine runs there; false also when the node does not answer, which says no more about it.
    /// </returns>
    /// <param name="left">Seconds at the present rate; 0 in the time of grace.</param>
    public static bool TryAsk(uint node, in Digest machine, out ulong left)
    {
        left = 0;
        Span<byte> packet = stackalloc byte[EchoHeader + MagicPing.AccountSize];
        AccountRequest.Emit(packet.Slice(EchoHeader + MagicPing.HeaderSize), machine.Bytes, default);
        MagicPing.EmitHeader(packet.Slice(EchoHeader), MagicKind.Query);
        int socket = Inet.OpenEcho();
        if (socket < 0)
            return false;
        bool isAnswered = false;
        bool runs = false;
        for (int attempt = 0; attempt < Tries && !isAnswered && Inet.Connect(socket, node, 0) >= 0; attempt++)
        {
            // The kernel fills in the sum and its own identifier.
            packet.Slice(0, EchoHeader).Clear();
            packet[0] = EchoRequest;
            Bytes.PutBe16(packet, 6, (ushort)attempt);
            Inet.Send(socket, packet);
            isAnswered = TryHear(socket, in machine, out runs, out left);
        }
        Syscall.Close(socket);
        return runs;
    }

    // Waits until the next copy is due.
    private static bool TryHear(int socket, in Digest machine, out bool runs, out ulong left)
    {
        Span<byte> reply = stackalloc byte[EchoHeader + MagicReply.Size + Statement.Size + 1];
        ulong until = Timing.Now() + Repeat * 1_000_000UL;
        runs = false;
        left = 0;
        while (Timing.Poll(socket, POLLIN, Repeat) > 0)
        {
            int length = Syscall.Receive(socket, reply);
            if (length > EchoHeader && length < reply.Length && reply[0] == EchoReply
                && TryRead(reply.Slice(EchoHeader, length - EchoHeader), in machine, ref runs, ref left))
                return true;
            if (Timing.Now() >= until)
                break;
        }
        return false;
    }

    private static bool TryRead(ReadOnlySpan<byte> payload, in Digest machine, ref bool runs, ref ulong left)
    {
        if (payload.Length == MagicReply.Size)
            return MagicReply.TryParse(payload, out MagicReply refused) && refused.Refusal != Refusal.None;
        if (payload.Length != MagicReply.Size + Statement.Size
            || !MagicReply.TryParse(payload, out MagicReply answer)
            || !answer.TryGetStatement(out Statement statement)
            || !statement.Machine.Is(in machine))
            return false;
        runs = statement.State is AccountState.Running or AccountState.Grace;
        if (statement.State == AccountState.Running)
            left = statement.Rate == 0 ? ulong.MaxValue : statement.Unused / statement.Rate;
        return true;
    }
}
