using System.Runtime.InteropServices;

namespace Domain.Devices;

/// <summary>struct virtio_net_hdr (virtio 1.2, 5.1.6) without num_buffers: 10 bytes, little-endian.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct NetHeader
{
    /// <summary>Bytes on the host's descriptor.</summary>
    public const int Bytes = 10;

    /// <summary>Bytes towards the guest: num_buffers follows.</summary>
    public const int GuestBytes = 12;

    public const byte NeedsChecksum = 1, DataValid = 2;
    public const byte GsoNone = 0, GsoTcp4 = 1, GsoEcn = 0x80;

    public byte Flags;
    public byte GsoType;
    public ushort HeaderLength;
    public ushort GsoSize;
    public ushort ChecksumStart;
    public ushort ChecksumOffset;

    public readonly bool IsGso => GsoType != GsoNone;

    public readonly bool IsPlain => Flags == 0 && GsoType == GsoNone;

    /// <summary>Only what the offered features know, and a checksum field inside the frame.</summary>
    public readonly bool IsSound(int frameLength) =>
        (Flags & ~(NeedsChecksum | DataValid)) == 0
        && (GsoType & ~GsoEcn) is GsoNone or GsoTcp4
        && (!IsGso || (GsoSize > 0 && (Flags & NeedsChecksum) != 0))
        && ((Flags & NeedsChecksum) == 0 || ChecksumStart + ChecksumOffset + 2 <= frameLength);
}
