using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// The writing side of <see cref="BootToken"/>: fill in the members over a buffer of <see cref="BootToken.Size"/>
/// bytes, then <see cref="Sign"/>. Used by whoever mints; nodes never do.
/// </summary>
public readonly ref struct BootTokenDraft
{
    private readonly Span<byte> bytes;

    /// <summary>
    /// Starts an empty token in the first <see cref="BootToken.Size"/> bytes of <paramref name="buffer"/>.
    /// </summary>
    public BootTokenDraft(Span<byte> buffer)
    {
        bytes = buffer.Slice(0, BootToken.Size);
        bytes.Clear();
        Fields.Magic = BootToken.Magic;
        Fields.Version = BootToken.Version;
    }

    private ref BootTokenFields Fields => ref MemoryMarshal.AsRef<BootTokenFields>(bytes);

    public uint Node { set => Fields.Node = BinaryPrimitives.ReverseEndianness(value); }

    public uint MemoryMiB { set => Fields.MemoryMiB = value; }

    public ulong Issued { set => Fields.Issued = value; }

    public ulong Expires { set => Fields.Expires = value; }

    public uint BootAddress { set => Fields.BootAddress = BinaryPrimitives.ReverseEndianness(value); }

    public uint Gateway { set => Fields.Gateway = BinaryPrimitives.ReverseEndianness(value); }

    public byte PrefixLength { set => Fields.PrefixLength = value; }

    public ushort CpuPercent { set => Fields.CpuPercent = value; }

    public uint DiskMiB { set => Fields.DiskMiB = value; }

    public uint ElementCount { set => Fields.ElementCount = value; }

    public ushort Lease { set => Fields.Lease = value; }

    public ReadOnlySpan<byte> ChainEnd { set => value.Slice(0, 20).CopyTo(Fields.ChainEnd.Room); }

    public ReadOnlySpan<byte> First { set => value.Slice(0, 20).CopyTo(Fields.First.Room); }

    public ReadOnlySpan<byte> Loader { set => value.Slice(0, 20).CopyTo(Fields.Loader.Room); }

    public ReadOnlySpan<byte> RefundHash { set => value.Slice(0, 20).CopyTo(Fields.RefundHash.Room); }

    public ulong Value { set => Fields.Value = value; }

    public void SetPrice(Resource resource, uint price) => Fields.Prices[(int)resource] = price;

    /// <summary>Adds a guest address; false when there are four already.</summary>
    public bool AddGuest(uint address)
    {
        int count = Fields.GuestCount;
        if (count == BootToken.MaxGuests)
            return false;
        Fields.Guests[count] = BinaryPrimitives.ReverseEndianness(address);
        Fields.GuestCount++;
        return true;
    }

    /// <summary>Signs what is there; any later change makes the token invalid.</summary>
    public void Sign(ReadOnlySpan<byte> key) =>
        new HmacSha1(key).Sign(bytes.Slice(0, BootToken.SignedSize), bytes.Slice(BootToken.SignedSize));
}
