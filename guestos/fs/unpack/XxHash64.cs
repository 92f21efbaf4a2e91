using System;
using System.Buffers.Binary;
using System.Numerics;

namespace Guestos;

/// <summary>XXH64 with seed 0 (xxHash fast digest algorithm, doc/xxhash_spec.md), as bytes come.</summary>
public unsafe struct XxHash64
{
    private const ulong Prime1 = 0x9e3779b185ebca87;
    private const ulong Prime2 = 0xc2b2ae3d27d4eb4f;
    private const ulong Prime3 = 0x165667b19e3779f9;
    private const ulong Prime4 = 0x85ebca77c2b2ae63;
    private const ulong Prime5 = 0x27d4eb2f165667c5;
    private const int Stripe = 32;

    private ulong length;
    private fixed ulong lanes[4];
    private fixed byte rest[Stripe];

    public void Start()
    {
        length = 0;
        lanes[0] = unchecked(Prime1 + Prime2);
        lanes[1] = Prime2;
        lanes[2] = 0;
        lanes[3] = unchecked(0UL - Prime1);
    }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        int held = (int)(length % Stripe);
        length += (ulong)bytes.Length;
        fixed (byte* rest = this.rest)
        {
            var kept = new Span<byte>(rest, Stripe);
            if (held > 0)
            {
                int more = Math.Min(Stripe - held, bytes.Length);
                bytes.Slice(0, more).CopyTo(kept.Slice(held));
                bytes = bytes.Slice(more);
                if (held + more < Stripe)
                    return;
                TakeStripe(kept);
            }

            for (; bytes.Length >= Stripe; bytes = bytes.Slice(Stripe))
                TakeStripe(bytes);
            bytes.CopyTo(kept);
        }
    }

    public ulong Finish()
    {
        ulong hash;
        if (length >= Stripe)
        {
            hash = BitOperations.RotateLeft(lanes[0], 1)
                + BitOperations.RotateLeft(lanes[1], 7)
                + BitOperations.RotateLeft(lanes[2], 12)
                + BitOperations.RotateLeft(lanes[3], 18);
            for (int i = 0; i < 4; i++)
                hash = (hash ^ Round(0, lanes[i])) * Prime1 + Prime4;
        }
        else
        {
            hash = Prime5;
        }

        hash += length;
        fixed (byte* rest = this.rest)
        {
            var left = new ReadOnlySpan<byte>(rest, (int)(length % Stripe));
            for (; left.Length >= 8; left = left.Slice(8))
            {
                hash ^= Round(0, BinaryPrimitives.ReadUInt64LittleEndian(left));
                hash = BitOperations.RotateLeft(hash, 27) * Prime1 + Prime4;
            }
            if (left.Length >= 4)
            {
                hash ^= BinaryPrimitives.ReadUInt32LittleEndian(left) * Prime1;
                hash = BitOperations.RotateLeft(hash, 23) * Prime2 + Prime3;
                left = left.Slice(4);
            }

            for (int i = 0; i < left.Length; i++)
                hash = BitOperations.RotateLeft(hash ^ left[i] * Prime5, 11) * Prime1;
        }

        hash = (hash ^ hash >> 33) * Prime2;
        hash = (hash ^ hash >> 29) * Prime3;
        return hash ^ hash >> 32;
    }

    private void TakeStripe(ReadOnlySpan<byte> stripe)
    {
        for (int i = 0; i < 4; i++)
            lanes[i] = Round(lanes[i], BinaryPrimitives.ReadUInt64LittleEndian(stripe.Slice(i * 8)));
    }

    private static ulong Round(ulong lane, ulong value) => BitOperations.RotateLeft(lane + value * Prime2, 31) * Prime1;
}
