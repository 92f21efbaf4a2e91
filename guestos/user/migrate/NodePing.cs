using System;
using Wire;

namespace Migrate;

/// <summary>Asks a node for a machine, as a customer does (thesis §8.2.1, steps 1 and 2; docs/protocols.md, "Magic ping").</summary>
internal static unsafe class NodePing
{
    private const int EchoHeader = 8, Repeat = 25, Tries = 200;

    /// <summary>Spends the boot token; <paramref name="options"/> then name the machine instead of the node.</summary>
    public static ExitCode Spend(ref Options options)
    {
        Span<byte> packet = stackalloc byte[EchoHeader + MagicPing.BootSize], reply = stackalloc byte[EchoHeader + MagicReply.Size + 1];
        Span<byte> token = packet.Slice(EchoHeader + MagicPing.HeaderSize);
        int file = Kernel.Open(options.Token, 0);
        nint length;
        fixed (byte* bytes = token)
            length = file < 0 ? file : Kernel.Read(file, bytes, BootToken.Size);
        if (length != BootToken.Size || !BootToken.TryParse(token, out BootToken parsed))
            return Line.Of("migrate: The token's file is not there, or does not hold a boot token."u8).Complain(ExitCode.Usage);
        Kernel.Close(file);
        MagicPing.EmitHeader(packet.Slice(EchoHeader), MagicKind.Boot);
        int socket = Kernel.EchoSocket();
        if (socket < 0 || Kernel.Connect(socket, options.Address, 0) < 0)
            return Failure.Say(ExitCode.NodeRefused, "the guest has no way to the node"u8);
        // Repeated until it is answered, for a node under a flood loses most of what is for itself.
        Refusal refusal = Refusal.None;
        for (int attempt = 0; attempt < Tries; attempt++)
        {
            packet.Slice(0, EchoHeader).Clear();
            packet[0] = 8; // Echo Request (RFC 792); the kernel fills in the sum and its own identifier
            Bytes.PutBe16(packet, 6, (ushort)attempt);
            fixed (byte* bytes = packet)
                Kernel.Send(socket, bytes, packet.Length);
            ulong until = Kernel.Now() + Repeat * 1_000_000UL;
            while (Kernel.Poll(socket, Kernel.PollIn, Repeat) > 0)
            {
                nint got;
                fixed (byte* bytes = reply)
                    got = Kernel.Read(socket, bytes, reply.Length);
                if (got == EchoHeader + MagicReply.Size && reply[0] == 0 && MagicReply.TryParse(reply.Slice(EchoHeader, MagicReply.Size), out MagicReply answer))
                {
                    // After the first copy the others are replays: only the first copy's answer can be a refusal.
                    refusal = answer.Refusal;
                    if (refusal == Refusal.None || (refusal == Refusal.Replayed && attempt > 0))
                    {
                        Kernel.Close(socket);
                        options.Address = parsed.BootAddress;
                        options.Port = Upload.Port;
                        Line.Of("migrate: the node took the token"u8).Say();
                        return ExitCode.Arrived;
                    }
                    Kernel.Close(socket);
                    return Failure.Say(ExitCode.NodeRefused, refusal.Sentence());
                }
                if (Kernel.Now() >= until)
                    break;
            }
        }
        Kernel.Close(socket);
        return Failure.Say(ExitCode.NodeRefused, "the node does not answer"u8);
    }
}
