using System;

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
        Bytes.PutLe32(bytes, BootToken.MagicAt, BootToken.Magic);
        Bytes.PutLe16(bytes, BootToken.VersionAt, BootToken.Version);
    }

    public uint Node { set => Bytes.PutBe32(bytes, BootToken.NodeAt, value); }

    public uint MemoryMiB { set => Bytes.PutLe32(bytes, BootToken.MemoryAt, value); }

    public ulong Issued { set => Bytes.PutLe64(bytes, BootToken.IssuedAt, value); }

    public ulong Expires { set => Bytes.PutLe64(bytes, BootToken.ExpiresAt, value); }

    public uint BootAddress { set => Bytes.PutBe32(bytes, BootToken.BootAt, value); }

    public uint Gateway { set => Bytes.PutBe32(bytes, BootToken.GatewayAt, value); }

    public byte PrefixLength { set => bytes[BootToken.PrefixAt] = value; }

    public ushort CpuPercent { set => Bytes.PutLe16(bytes, BootToken.CpuAt, value); }

    public uint DiskMiB { set => Bytes.PutLe32(bytes, BootToken.DiskAt, value); }

    public uint TokenCount { set => Bytes.PutLe32(bytes, BootToken.CountAt, value); }

    public ushort Lease { set => Bytes.PutLe16(bytes, BootToken.LeaseAt, value); }

    public ReadOnlySpan<byte> ChainEnd { set => value.Slice(0, 20).CopyTo(bytes.Slice(BootToken.ChainEndAt)); }

    public ReadOnlySpan<byte> First { set => value.Slice(0, 20).CopyTo(bytes.Slice(BootToken.FirstAt)); }

    public ReadOnlySpan<byte> Loader { set => value.Slice(0, 20).CopyTo(bytes.Slice(BootToken.LoaderAt)); }

    /// <summary>Adds a guest address; false when there are four already.</summary>
    public bool AddGuest(uint address)
    {
        int count = bytes[BootToken.GuestCountAt];
        if (count == BootToken.MaxGuests)
            return false;
        Bytes.PutBe32(bytes, BootToken.GuestsAt + 4 * count, address);
        bytes[BootToken.GuestCountAt]++;
        return true;
    }

    /// <summary>Signs what is there; any later change makes the token invalid.</summary>
    public void Sign(ReadOnlySpan<byte> key) =>
        new HmacSha1(key).Sign(bytes.Slice(0, BootToken.SignatureAt), bytes.Slice(BootToken.SignatureAt));
}
