using System;
using Wire;

namespace Migrate;

/// <summary>Asks a node for a machine, as a customer does (thesis §8.2.1, steps 1 and 2; docs/protocols.md, "Magic ping"), and ends it.</summary>
internal static unsafe class NodePing
{
    private const int EchoHeader = 8, Repeat = 25, Tries = 200;

    /// <summary>Spends the boot token; <paramref name="options"/> then name the machine instead of the node.</summary>
    public static ExitCode Spend(ref Options options)
    {
        Span<byte> packet = stackalloc byte[EchoHeader + MagicPing.BootSize];
        Span<byte> token = packet.Slice(EchoHeader + MagicPing.HeaderSize);
        int file = Kernel.Open(options.Token, 0);
        nint length;
        fixed (byte* bytes = token)
            length = file < 0 ? file : Kernel.Read(file, bytes, BootToken.Size);
        if (length != BootToken.Size || !BootToken.TryParse(token, out BootToken parsed))
            return Line.Of("migrate: The token's file is not there, or does not hold a boot token."u8).Complain(ExitCode.Usage);
        Kernel.Close(file);
        MagicPing.EmitHeader(packet.Slice(EchoHeader), MagicKind.Boot);
        if (!TryAsk(options.Address, packet, out Refusal refusal, out bool isFirst))
            return Failure.Say(ExitCode.NodeRefused, "the node does not answer, or there is no way to it"u8);
        // After the first copy the others are replays: only the first copy's answer can be a refusal.
        if (refusal != Refusal.None && (refusal != Refusal.Replayed || isFirst))
            return Failure.Say(ExitCode.NodeRefused, refusal.Sentence());
        options.Address = parsed.BootAddress;
        options.Port = Upload.Port;
        Line.Of("migrate: the node took the token"u8).Say();
        return ExitCode.Arrived;
    }

    /// <summary>Has the node end the machine that it started for a token.</summary>
    public static void End(uint node, ReadOnlySpan<byte> machineKey)
    {
        Span<byte> packet = stackalloc byte[EchoHeader + MagicPing.EndSize];
        EndRequest.Emit(packet.Slice(EchoHeader + MagicPing.HeaderSize), machineKey);
        MagicPing.EmitHeader(packet.Slice(EchoHeader), MagicKind.End);
        // A node that knows no such machine any more has ended it, or it has ended by itself.
        if (TryAsk(node, packet, out Refusal refusal, out _) && refusal is Refusal.None or Refusal.NoSuchDomain)
            Line.Of("migrate: the machine that was started has been ended"u8).Say();
        else
            Line.Of("migrate: the machine that was started ends when its lease does"u8).Say();
    }

    /// <summary>Repeats a magic ping until it is answered, for a node under a flood loses most of what is for itself.</summary>
    /// <param name="packet">An ICMP message whose payload is there already.</param>
    /// <param name="isFirst">The answer is to the first copy.</param>
    private static bool TryAsk(uint node, Span<byte> packet, out Refusal refusal, out bool isFirst)
    {
        Span<byte> reply = stackalloc byte[EchoHeader + MagicReply.Size + 1];
        refusal = Refusal.None;
        isFirst = false;
        int socket = Kernel.EchoSocket();
        bool isAnswered = false;
        for (int attempt = 0; attempt < Tries && !isAnswered && socket >= 0 && Kernel.Connect(socket, node, 0) >= 0; attempt++)
        {
            packet.Slice(0, EchoHeader).Clear();
            packet[0] = 8; // Echo Request (RFC 792); the kernel fills in the sum and its own identifier
            Bytes.PutBe16(packet, 6, (ushort)attempt);
            fixed (byte* bytes = packet)
                Kernel.Send(socket, bytes, packet.Length);
            ulong until = Kernel.Now() + Repeat * 1_000_000UL;
            while (!isAnswered && Kernel.Poll(socket, Kernel.PollIn, Repeat) > 0)
            {
                nint got;
                fixed (byte* bytes = reply)
                    got = Kernel.Read(socket, bytes, reply.Length);
                if (got == EchoHeader + MagicReply.Size && reply[0] == 0
                    && MagicReply.TryParse(reply.Slice(EchoHeader, MagicReply.Size), out MagicReply answer))
                {
                    refusal = answer.Refusal;
                    isFirst = attempt == 0;
                    isAnswered = true;
                }
                if (Kernel.Now() >= until)
                    break;
            }
        }
        if (socket >= 0)
            Kernel.Close(socket);
        return isAnswered;
    }
}
