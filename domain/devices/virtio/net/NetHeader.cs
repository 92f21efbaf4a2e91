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

    public const byte VirtioNetHdrFNeedsCsum = 1, VirtioNetHdrFDataValid = 2;
    public const byte VirtioNetHdrGsoNone = 0, VirtioNetHdrGsoTcpv4 = 1, VirtioNetHdrGsoEcn = 0x80;

    public byte Flags;
    public byte GsoType;
    public ushort HeaderLength;
    public ushort GsoSize;
    public ushort ChecksumStart;
    public ushort ChecksumOffset;

    public readonly bool IsGso => GsoType != VirtioNetHdrGsoNone;

    /// <summary>Only what the offered features know, and a checksum field inside the frame.</summary>
    public readonly bool IsSound(int frameLength) =>
        (Flags & ~(VirtioNetHdrFNeedsCsum | VirtioNetHdrFDataValid)) == 0
        && (GsoType & ~VirtioNetHdrGsoEcn) is VirtioNetHdrGsoNone or VirtioNetHdrGsoTcpv4
        && (!IsGso || (GsoSize > 0 && (Flags & VirtioNetHdrFNeedsCsum) != 0))
        && ((Flags & VirtioNetHdrFNeedsCsum) == 0 || ChecksumStart + ChecksumOffset + 2 <= frameLength);
}
