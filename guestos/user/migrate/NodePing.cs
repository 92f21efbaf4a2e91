using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Migrate;

/// <summary>
/// Asks a node for a machine, as a customer does (thesis §8.2.1, steps 1 and 2; docs/protocols.md, "Magic ping"), and
/// ends it.
/// </summary>
internal static unsafe class NodePing
{
    private const int EchoHeader = 8;

    // Types of ICMP messages (RFC 792).
    private const byte EchoRequest = 8;
    private const byte EchoReply = 0;

    /// <summary>Milliseconds between two copies of a ping, and how many there are.</summary>
    private const int Repeat = 25;
    private const int Tries = 200;

    /// <summary>Spends the boot token; <paramref name="options"/> then name the machine instead of the node.</summary>
    public static ExitCode Spend(ref Options options)
    {
        Span<byte> packet = stackalloc byte[EchoHeader + MagicPing.BootSize];
        Span<byte> token = packet.Slice(EchoHeader + MagicPing.HeaderSize);
        if (!TryRead(options.Token, token) || !BootToken.TryParse(token, out BootToken parsed))
        {
            return Report.Failed(
                ExitCode.Usage, "migrate: The token's file is not there, or does not hold a boot token."u8);
        }
        MagicPing.EmitHeader(packet.Slice(EchoHeader), MagicKind.Boot);
        if (!TryAsk(options.Address, packet, out Refusal refusal, out bool isFirst))
            return Failure.Say(ExitCode.NodeRefused, "the node does not answer, or there is no way to it"u8);
        // After the first copy the others are replays: only of the first copy is "replayed" a refusal.
        if (refusal != Refusal.None && (refusal != Refusal.Replayed || isFirst))
            return Failure.Say(ExitCode.NodeRefused, refusal.Sentence());
        options.Address = parsed.BootAddress;
        options.Port = Upload.Port;
        Report.Progress("migrate: the node took the token"u8);
        return ExitCode.Arrived;
    }

    private static bool TryRead(byte* path, Span<byte> token)
    {
        int file = Host.Open(path);
        if (file < 0)
            return false;
        int length = Syscall.Read(file, token);
        Syscall.Close(file);
        return length == token.Length;
    }

    /// <summary>Has the node end the machine that it started for a token.</summary>
    public static void End(uint node, ReadOnlySpan<byte> machineKey)
    {
        Span<byte> packet = stackalloc byte[EchoHeader + MagicPing.EndSize];
        EndRequest.Emit(packet.Slice(EchoHeader + MagicPing.HeaderSize), machineKey);
        MagicPing.EmitHeader(packet.Slice(EchoHeader), MagicKind.End);
        // A node that knows no such machine any more has ended it, or it has ended by itself.
        if (TryAsk(node, packet, out Refusal refusal, out _) && refusal is Refusal.None or Refusal.NoSuchDomain)
            Report.Progress("migrate: the machine that was started has been ended"u8);
        else
            Report.Progress("migrate: the machine that was started ends when its lease does"u8);
    }

    /// <summary>
    /// Repeats a magic ping until it is answered, for a node under a flood loses most of what is for itself.
    /// </summary>
    /// <param name="packet">An ICMP message whose payload is there already.</param>
    /// <param name="isFirst">The answer is to the first copy.</param>
    private static bool TryAsk(uint node, Span<byte> packet, out Refusal refusal, out bool isFirst)
    {
        refusal = Refusal.None;
        isFirst = false;
        int socket = Inet.OpenEcho();
        if (socket < 0)
            return false;
        bool isAnswered = false;
        for (int attempt = 0; attempt < Tries && !isAnswered && Inet.Connect(socket, node, 0) >= 0; attempt++)
        {
            // The kernel fills in the sum and its own identifier.
            packet.Slice(0, EchoHeader).Clear();
            packet[0] = EchoRequest;
            Bytes.PutBe16(packet, 6, (ushort)attempt);
            Inet.Send(socket, packet);
            isAnswered = TryHear(socket, out refusal, out int answered);
            isFirst = answered == 0;
        }
        Syscall.Close(socket);
        return isAnswered;
    }

    // Waits until the next copy is due. An answer names the copy that it is to, which need not be the last.
    private static bool TryHear(int socket, out Refusal refusal, out int answered)
    {
        Span<byte> reply = stackalloc byte[EchoHeader + MagicReply.Size + 1];
        ulong until = Timing.Now() + Repeat * 1_000_000UL;
        refusal = Refusal.None;
        answered = -1;
        while (Timing.Poll(socket, POLLIN, Repeat) > 0)
        {
            int length = Syscall.Read(socket, reply);
            bool isReply = length == EchoHeader + MagicReply.Size && reply[0] == EchoReply;
            if (isReply && MagicReply.TryParse(reply.Slice(EchoHeader, MagicReply.Size), out MagicReply answer))
            {
                refusal = answer.Refusal;
                answered = Bytes.Be16(reply, 6);
                return true;
            }
            if (Timing.Now() >= until)
                break;
        }
        return false;
    }
}
