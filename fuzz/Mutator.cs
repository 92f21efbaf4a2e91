using System;

namespace Fuzz;

/// <summary>
/// Changes scripts step by step, where a mutator that knows only bytes would shift all that follows. Its random numbers
/// come from the caller, so that a run can be repeated.
/// </summary>
internal static class Mutator
{
    public const int MaxSize = 1024;

    /// <summary>What <see cref="ScriptedPacket"/> calls the domain in the first slot.</summary>
    private const byte Slot0 = ScriptedPacket.Running;

    private static readonly byte[] s_telling = [0, 1, 2, 3, 4, 8, 10, 11, 16, 32, 33, 64, 100, 101, 127, 128, 199, 200, 226, 254, 255];

    /// <summary>Changes the script in the buffer's first bytes; its new size, at most the buffer's.</summary>
    /// <param name="other">Another script, to take steps from; it may be empty.</param>
    public static int Mutate(Span<byte> buffer, int size, ReadOnlySpan<byte> other, Random random)
    {
        for (int changes = 1 + random.Next(3); changes > 0; changes--)
            size = Once(buffer, size, other, random);
        return size;
    }

    private static int Once(Span<byte> buffer, int size, ReadOnlySpan<byte> other, Random random)
    {
        (int at, int length) = Pick(buffer[..size], random);
        Span<byte> made = stackalloc byte[64];
        switch (random.Next(10))
        {
            case 0: // without a step
                return Replace(buffer, size, at, length, default);
            case 1: // a step twice
                return Replace(buffer, size, at, 0, buffer.Slice(at, length).ToArray());
            case 2 or 8: // a new step
                return Replace(buffer, size, at, 0, made[..Invent(made, random)]);
            case 3: // a step of another script
                (int from, int taken) = Pick(other, random);
                return Replace(buffer, size, at, 0, other.Slice(from, taken));
            case 4: // a step elsewhere
                byte[] moved = buffer.Slice(at, length).ToArray();
                size = Replace(buffer, size, at, length, default);
                return Replace(buffer, size, Pick(buffer[..size], random).At, 0, moved);
            case 5: // another patch, put first
                if (length == 0 || (buffer[at] & 15) % Step.Kinds < (int)StepKind.Arp || (buffer[at] >> 4) % (Step.MaxPatches + 1) == Step.MaxPatches)
                    return size;
                made[0] = (byte)random.Next(230);
                made[1] = (byte)(random.Next(5) << 3);
                made[2] = Byte(random);
                int grown = Replace(buffer, size, at + 1 + Step.ArgumentsOf((StepKind)((buffer[at] & 15) % Step.Kinds)), 0, made[..Step.PatchSize]);
                buffer[at] += (byte)(grown > size ? 16 : 0);
                return grown;
            default: // a byte
                if (length == 0)
                    return size;
                ref byte changed = ref buffer[at + random.Next(length)];
                changed = random.Next(4) switch
                {
                    0 => (byte)(changed ^ (1 << random.Next(8))),
                    1 => (byte)(changed + random.Next(-3, 4)),
                    _ => Byte(random),
                };
                return size;
        }
    }

    private static byte Byte(Random random) => random.Next(2) == 0 ? s_telling[random.Next(s_telling.Length)] : (byte)random.Next(256);

    /// <summary>Writes a step that is mostly well: its packets are for the node, and its tokens good.</summary>
    private static int Invent(Span<byte> to, Random random)
    {
        int kind = random.Next(4) == 0 ? (int)StepKind.Token : random.Next(Step.Kinds), size = 1 + Step.ArgumentsOf((StepKind)kind);
        to[..size].Clear();
        to[0] = (byte)kind;
        // From the link as the client, from a domain as itself; to the node, or to a domain, or to all.
        byte port = (byte)random.Next(4), from = port == 0 ? (byte)1 : (byte)(Slot0 + port - 1);
        byte target = (byte)(random.Next(4) switch { 0 => Slot0 + random.Next(3), 1 => random.Next(16), _ => 0 });
        byte macs = (byte)(from << 4 | (random.Next(8) == 0 ? 11 : target)), ips = (byte)(from << 4 | target);
        switch ((StepKind)kind)
        {
            case StepKind.Raw:
                to[2] = (byte)random.Next(to.Length - size);
                random.NextBytes(to.Slice(size, to[2]));
                size += to[2];
                break;
            case StepKind.Token:
                ReadOnlySpan<byte> good = [port, macs, ips, (byte)(2 + random.Next(4) + Math.Max(0, random.Next(-6, 5)) * 16), (byte)random.Next(256), 64, 3, 0, 30, (byte)random.Next(256), 0, 0];
                good.CopyTo(to[1..]);
                break;
            case StepKind.Arp or StepKind.Ipv4 or StepKind.Echo:
                byte arpIps = (byte)(ips >> 4 | ips << 4), type = (byte)random.Next(1, 18);
                ReadOnlySpan<byte> usual = [port, macs, kind == (int)StepKind.Arp ? arpIps : ips, kind == (int)StepKind.Ipv4 ? type : (byte)1, 40];
                usual[..Math.Min(usual.Length, size - 1)].CopyTo(to[1..]);
                if (kind == (int)StepKind.Ipv4 && random.Next(3) == 0) // a checksum left undone, over whatever it may be
                    (to[6], to[7]) = (1, (byte)random.Next(70));
                break;
        }
        // One or two arguments as they come.
        for (int changes = random.Next(3); changes > 0 && size > 1; changes--)
            if (kind != (int)StepKind.Raw)
                to[1 + random.Next(size - 1)] = Byte(random);
        return size;
    }

    /// <summary>Any step of a script, or the place after the last one.</summary>
    private static (int At, int Length) Pick(ReadOnlySpan<byte> script, Random random)
    {
        int steps = 0;
        for (int at = 0, length; (length = Step.SizeOf(script[at..])) != 0; at += length)
            steps++;
        int chosen = random.Next(steps + 1), place = 0;
        for (; chosen > 0; chosen--)
            place += Step.SizeOf(script[place..]);
        return (place, Step.SizeOf(script[place..]));
    }

    /// <summary>Puts bytes where others were, if there is room; the new size.</summary>
    private static int Replace(Span<byte> buffer, int size, int at, int length, ReadOnlySpan<byte> by)
    {
        int grown = size - length + by.Length;
        if (grown > buffer.Length)
            return size;
        buffer[(at + length)..size].CopyTo(buffer[(at + by.Length)..]);
        by.CopyTo(buffer[at..]);
        return grown;
    }
}
