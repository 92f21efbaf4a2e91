using System;
using System.Linq;
using Packetd;
using Testing.Nodes;
using Wire;

namespace Fuzz;

/// <summary>What of a packet is left as the patches made it; otherwise it is put right, or no mutation would get past the sums.</summary>
[Flags]
internal enum Unmended : byte
{
    None = 0,
    HeaderSum = 1,
    IcmpSum = 2,
    TotalLength = 4,
}

/// <summary>How a token is bad.</summary>
[Flags]
internal enum Spoiled : byte
{
    None = 0,
    Key = 1,
    Chain = 2,
    Shorter = 4,
    Longer = 8,
    Payment = 16,

    /// <summary>The patches come after the signature.</summary>
    Signature = 32,

    /// <summary>The sum is left to the receiver, as by a card with checksum offload.</summary>
    Offload = 64,
    Node = 128,
}

/// <summary>The packets that steps describe in a few bytes.</summary>
/// <param name="running">The boot address of the domain in each slot, 0 where none is.</param>
/// <param name="proofs">What ends the domain in each slot, zeros where none is.</param>
/// <param name="accounts">Each that there ever was, with the chain that it is paid with.</param>
/// <param name="minted">Hears of every token and chain that a step makes.</param>
/// <param name="now">What the times of tokens are relative to.</param>
/// <param name="salt">Makes chains that no script with another salt has.</param>
internal readonly struct ScriptedPacket(uint[] running, byte[][] proofs, (Ledger Ledger, Tokens Token, Tokens Chain)[] accounts, System.Action<Tokens> minted, ulong now, int salt)
{
    private const byte AllNodes = 11;

    /// <summary>The first of the numbers that mean the boot addresses of the domains that run, by slot.</summary>
    public const byte Running = 6;

    /// <summary>Few addresses, so that scripts meet the same ones: the node's, peers', domains', and those that nobody has.</summary>
    private static readonly uint[] s_addresses =
    [
        TestHost.Node, TestHost.Client, 0x0A000030, 0x0A000031, 0x0A000032, 0x0A000033, 0x0A000034, 0x0A000035,
        0x0A000036, 0x0A000037, 0, 0xFFFFFFFF, 0x7F000001, 0xE0000001, 0x0A000009, 0x0AFFFFFF,
    ];

    /// <summary>Small lengths by the byte, then in steps up to the largest datagram.</summary>
    private static int Length(byte code) => code < 248 ? code : (code - 247) * 8189;

    private uint Address(int number)
    {
        int slot = (number & 15) - Running;
        return slot >= 0 && slot < running.Length && running[slot] != 0 ? running[slot] : s_addresses[number & 15];
    }

    private byte[] Mac(int number) => (number & 15) switch
    {
        1 => Frames.ClientMac,
        AllNodes => [255, 255, 255, 255, 255, 255],
        13 => [1, 0, 0x5E, 0, 0, 1],
        15 => [0x52, 0x54, 0, 1, 2, 3],
        _ => Frames.Mac(Address(number)),
    };

    public byte[] Make(Step step)
    {
        ReadOnlySpan<byte> a = step.Arguments;
        switch (step.Kind)
        {
            case StepKind.Raw:
                return step.Packet.ToArray();
            case StepKind.Arp:
                return Patched(Frames.Arp(a[3], Mac(a[1] >> 4), Address(a[2]), Address(a[2] >> 4), Mac(a[1])), step.Patches);
            case StepKind.Ipv4:
                byte[] other = Frames.Ipv4(Mac(a[1]), Mac(a[1] >> 4), Address(a[2] >> 4), Address(a[2]), a[3], new byte[Length(a[4])]);
                other[Packet.FlagsAt] = (byte)(a[5] & 3);
                other[Packet.GsoAt] = (byte)(a[5] >> 2);
                other[Packet.GsoSizeAt] = (byte)(a[5] >> 4);
                other[Packet.ChecksumStartAt] = a[6];
                return Mended(Patched(other, step.Patches), (Unmended)a[7]);
            case StepKind.Echo:
                return Mended(Patched(Frames.Echo(new byte[Length(a[3])], Address(a[2] >> 4), Address(a[2]), Mac(a[1]), Mac(a[1] >> 4)), step.Patches), (Unmended)a[4]);
            case StepKind.End:
                return End(a, step.Patches);
            case StepKind.Pay:
            case StepKind.Ask:
            case StepKind.Continue:
                byte[] about = Patched(Frames.Echo(About(step.Kind, a), Address(a[2] >> 4), Address(a[2]), Mac(a[1]), Mac(a[1] >> 4)), step.Patches);
                return Mended(about, (Unmended)(a[^1] & 7));
            default:
                return Token(a, step.Patches);
        }
    }

    private byte[] End(ReadOnlySpan<byte> a, ReadOnlySpan<byte> patches)
    {
        var spoiled = (Spoiled)a[4];
        byte[] body = [.. proofs[a[3] % proofs.Length], 0, 0, 0, 0];
        body[19] ^= (byte)((spoiled & Spoiled.Signature) != 0 ? 1 : 0);
        byte[] payload = Tokens.Payload(MagicKind.End, body);
        if ((spoiled & (Spoiled.Shorter | Spoiled.Longer)) != 0)
            Array.Resize(ref payload, payload.Length + ((spoiled & Spoiled.Shorter) != 0 ? -1 : 1));
        byte[] packet = Patched(Frames.Echo(payload, Address(a[2] >> 4), Address(a[2]), Mac(a[1]), Mac(a[1] >> 4)), patches);
        return Mended(packet, (Unmended)a[5]);
    }

    /// <summary>A magic ping about an account; what spoils it is in the upper bits of the last argument.</summary>
    private byte[] About(StepKind kind, ReadOnlySpan<byte> a)
    {
        int spoiled = a[^1] >> 3;
        (Ledger? ledger, Tokens token, Tokens chain) = accounts.Length == 0 ? (null, Unknown, Unknown) : accounts[^(1 + a[3] % accounts.Length)];
        if (kind == StepKind.Ask)
            return (spoiled & 1) == 0 ? token.Query() : token.Refund((spoiled & 2) == 0 ? null : new byte[20]);
        if (kind == StepKind.Pay)
        {
            uint count = (ledger?.Count ?? 0) + (uint)(sbyte)a[4];
            byte[] element = chain.Element(Math.Max(count, 1));
            element[0] ^= (byte)(spoiled & 1);
            return chain.Payment(count, element, (spoiled & 2) == 0 ? token.End : new byte[20]);
        }
        Tokens next = new()
        {
            Seed = 5000 + a[4] + 256 * salt, Count = a[5] < 200 ? 1 + a[5] % 8u : a[5] - 130u, Spare = 50, Node = (spoiled & 1) == 0 ? TestHost.Node : TestHost.Node + 1,
            Key = (spoiled & 2) == 0 ? TestHost.Key : new byte[16], BreakChain = (spoiled & 4) != 0,
        };
        minted(next);
        return next.Continuation(token, (spoiled & 8) == 0 ? ledger?.ChainEnd ?? token.End : new byte[20]);
    }

    private static Tokens Unknown => new() { Seed = 4999 };

    /// <summary>Half of all tokens have prices.</summary>
    private static Tokens Priced(Tokens token, byte seed) =>
        seed < 128 ? token : token with
        {
            Prices = [(uint)(seed & 1), (uint)(seed >> 1 & 1), (uint)(seed >> 2 & 1), 1], Value = 3 + (uint)(seed >> 3 & 15), Spare = 50,
        };

    private byte[] Token(ReadOnlySpan<byte> a, ReadOnlySpan<byte> patches)
    {
        var spoiled = (Spoiled)a[10];
        uint[] guests = new uint[(a[3] >> 4) % 5];
        for (int i = 0; i < guests.Length; i++)
            guests[i] = Address((i % 2 == 0 ? a[4] : a[4] >> 4) + i / 2);
        ulong issued = now + (ulong)(sbyte)a[7];
        Tokens token = Priced(new Tokens
        {
            Node = (spoiled & Spoiled.Node) != 0 ? TestHost.Node + 1 : TestHost.Node, Boot = Address(a[3]), Guests = guests,
            MemoryMiB = a[5] < 200 ? a[5] : a[5] + 30u, Count = 1 + (a[6] < 200 ? a[6] % 8u : a[6] - 130u), Issued = issued,
            Expires = issued + (a[8] < 200 ? a[8] : (a[8] - 199u) * 100), Seed = a[9] + 256 * salt, BreakChain = (spoiled & Spoiled.Chain) != 0,
            Key = (spoiled & Spoiled.Key) != 0 ? new byte[16] : TestHost.Key,
        }, a[9]);
        minted(token);
        byte[] body = (spoiled & Spoiled.Payment) != 0 ? new byte[Payment.Size] : token.Token();
        byte[] payload = Tokens.Payload((spoiled & Spoiled.Payment) != 0 ? MagicKind.Payment : MagicKind.Boot, body);
        if ((spoiled & (Spoiled.Shorter | Spoiled.Longer)) != 0)
            Array.Resize(ref payload, payload.Length + ((spoiled & Spoiled.Shorter) != 0 ? -1 : 1));
        byte[] packet = Patched(Frames.Echo(payload, Address(a[2] >> 4), Address(a[2]), Mac(a[1]), Mac(a[1] >> 4)), patches);
        if (!patches.IsEmpty && (spoiled & (Spoiled.Signature | Spoiled.Key)) == 0 && packet.Length >= Judge.Token + Judge.TokenSize)
            new HmacSha1(TestHost.Key).Sign(packet.AsSpan(Judge.Token, Judge.TokenSize - 20), packet.AsSpan(Judge.Token + Judge.TokenSize - 20, 20));
        packet = Mended(packet, (Unmended)a[11]);
        if ((spoiled & Spoiled.Offload) != 0 && packet.Length > Judge.Icmp + 4)
        {
            packet[Packet.FlagsAt] |= Packet.NeedsChecksum;
            Bytes.PutLe16(packet, Packet.ChecksumStartAt, Packet.IcmpAt - Packet.HeaderSize);
            Bytes.PutLe16(packet, Packet.ChecksumOffsetAt, 2);
            Bytes.PutBe16(packet, Judge.Icmp + 2, 0);
        }
        return packet;
    }

    /// <summary>
    /// A copy with the patches applied. A patch is where (with three bits of the second byte as its upper half), how (the
    /// rest of the second byte: set, exclusive or, add, cut here, lengthen) and what.
    /// </summary>
    public static byte[] Patched(byte[] packet, ReadOnlySpan<byte> patches)
    {
        if (patches.IsEmpty)
            return packet;
        packet = packet.ToArray();
        for (; !patches.IsEmpty; patches = patches[Step.PatchSize..])
        {
            int at = patches[0] | (patches[1] & 7) << 8, how = (patches[1] >> 3) % 5;
            byte what = patches[2];
            if (how == 4)
                Array.Resize(ref packet, Math.Min(packet.Length + what, Packet.MaxSize));
            else if (at < packet.Length && how == 3)
                Array.Resize(ref packet, at);
            else if (at < packet.Length)
                packet[at] = how switch { 0 => what, 1 => (byte)(packet[at] ^ what), _ => (byte)(packet[at] + what) };
        }
        return packet;
    }

    private static byte[] Mended(byte[] packet, Unmended unmended)
    {
        if (packet.Length < Judge.Payload)
            return packet;
        if ((unmended & Unmended.TotalLength) == 0)
            Bytes.PutBe16(packet, Judge.Ipv4 + 2, (ushort)Math.Min(packet.Length - Judge.Ipv4, 65535));
        int total = Judge.U16(packet, Judge.Ipv4 + 2);
        if ((unmended & Unmended.HeaderSum) == 0)
        {
            Bytes.PutBe16(packet, Judge.Ipv4 + 10, 0);
            Bytes.PutBe16(packet, Judge.Ipv4 + 10, Packet.Checksum(packet.AsSpan(Judge.Ipv4, 20)));
        }
        if ((unmended & Unmended.IcmpSum) == 0 && packet[Judge.Ipv4 + 9] == 1 && total >= 28 && Judge.Ipv4 + total <= packet.Length)
        {
            Bytes.PutBe16(packet, Judge.Icmp + 2, 0);
            Bytes.PutBe16(packet, Judge.Icmp + 2, Packet.Checksum(packet.AsSpan(Judge.Icmp, total - 20)));
        }
        return packet;
    }

    /// <summary>What a person needs to know of the packet that a step describes.</summary>
    public string Describe(Step step)
    {
        byte[] a = step.Arguments.ToArray();
        string text = step.Kind switch
        {
            StepKind.Raw => $"raw {Convert.ToHexString(step.Packet)}",
            StepKind.Arp => $"ARP operation {a[3]}, {Dotted(Address(a[2]))} asks for {Dotted(Address(a[2] >> 4))}, {Macs(a[1])}",
            StepKind.Ipv4 => $"IPv4 protocol {a[3]}, {Ips(a[2])}, {Macs(a[1])}, flags {a[5] & 3}, gso {a[5] >> 2}, checksum from {a[6]}, unmended {(Unmended)(a[7] & 7)}",
            StepKind.End => $"end of domain {a[3] % proofs.Length}, {Ips(a[2])}, {Macs(a[1])}, spoiled {(Spoiled)a[4]}, unmended {(Unmended)(a[5] & 7)}",
            StepKind.Pay or StepKind.Ask or StepKind.Continue => $"{step.Kind}, account {a[3]}, {string.Join(' ', a[4..])}, {Ips(a[2])}, {Macs(a[1])}",
            StepKind.Echo => $"Echo Request, {Ips(a[2])}, {Macs(a[1])}, unmended {(Unmended)(a[4] & 7)}",
            _ => $"token, {Ips(a[2])}, {Macs(a[1])}, boots {Dotted(Address(a[3]))} with {(a[3] >> 4) % 5} guests, memory {a[5]}, count {a[6]}, issued {(sbyte)a[7]:+0;-0;0} s, "
                + $"life {a[8]}, seed {a[9]}, spoiled {(Spoiled)a[10]}, unmended {(Unmended)(a[11] & 7)}",
        };
        return text + Describe(step.Patches);
    }

    /// <summary>What patches do, in words after a comma; nothing when there are none.</summary>
    public static string Describe(ReadOnlySpan<byte> patches)
    {
        string text = "";
        for (; !patches.IsEmpty; patches = patches[Step.PatchSize..])
        {
            int at = patches[0] | (patches[1] & 7) << 8;
            text += ((patches[1] >> 3) % 5) switch
            {
                0 => $", [{at}] = {patches[2]:X2}",
                1 => $", [{at}] ^= {patches[2]:X2}",
                2 => $", [{at}] += {patches[2]:X2}",
                3 => $", cut at {at}",
                _ => $", {patches[2]} bytes longer",
            };
        }
        return text;
    }

    private string Ips(byte pair) => $"{Dotted(Address(pair >> 4))} to {Dotted(Address(pair))}";

    private string Macs(byte pair) => $"{Convert.ToHexString(Mac(pair >> 4))} to {Convert.ToHexString(Mac(pair))}";

    private static string Dotted(uint address) => string.Join('.', new[] { 24, 16, 8, 0 }.Select(shift => (byte)(address >> shift)));
}
