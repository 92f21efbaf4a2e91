using System;

namespace Netstack;

/// <summary>A run of bytes that is part of a frame. The bytes belong to whoever made the piece.</summary>
public unsafe struct FramePiece
{
    /// <summary>First byte.</summary>
    public byte* Address;

    /// <summary>Length in bytes, never 0 in a transmission.</summary>
    public int Length;
}

/// <summary>What the device behind a link does by itself.</summary>
[Flags]
public enum LinkCapabilities : uint
{
    None = 0,

    /// <summary>The device completes TCP and UDP checksums (VIRTIO_NET_F_CSUM).</summary>
    TransmitChecksum = 1,

    /// <summary>
    /// The device cuts TCP segments of up to 64 KiB into MSS-sized ones (VIRTIO_NET_F_HOST_TSO4). Needs
    /// <see cref="TransmitChecksum"/>.
    /// </summary>
    Segmentation = 2,
}

/// <summary>What the device says about a received frame.</summary>
[Flags]
public enum FrameFlags : uint
{
    None = 0,

    /// <summary>
    /// The TCP or UDP checksum was verified by the device, or was never computed because the frame never left the host
    /// (VIRTIO_NET_HDR_F_DATA_VALID or VIRTIO_NET_HDR_F_NEEDS_CSUM): it is not looked at.
    /// </summary>
    ChecksumValid = 1,
}

/// <summary>
/// One frame on its way out: a header, then pieces in order.
/// </summary>
/// <remarks>
/// The header bytes (everything that is not stream data; at most MTU + 14) are valid only during the call: the link
/// copies them. Pieces hold TCP stream data and stay where they are until the peer has acknowledged them; when a
/// device reads one later than that, it sends bytes that the peer already has and ignores, so a link need not copy
/// pieces or wait. The fields follow <c>struct virtio_net_hdr</c> (virtio 1.2 §5.1.6).
/// </remarks>
public unsafe struct Transmission
{
    /// <summary>Ethernet, IP and transport headers; for UDP, ICMP and ARP the whole frame.</summary>
    public byte* Header;

    /// <summary>Bytes at <see cref="Header"/>.</summary>
    public int HeaderLength;

    /// <summary>Number of pieces, at most the configured <see cref="Link.MaxPieces"/>.</summary>
    public int PieceCount;

    /// <summary>The pieces; null when there are none.</summary>
    public FramePiece* Pieces;

    /// <summary>Header and pieces together, in bytes.</summary>
    public int TotalLength;

    /// <summary>
    /// True when the device has to store the checksum of everything from <see cref="ChecksumStart"/> on at
    /// <see cref="ChecksumStart"/> + <see cref="ChecksumOffset"/>, where the pseudo-header's sum already is.
    /// </summary>
    public bool NeedsChecksum;

    /// <summary>Offset of the transport header from the start of the frame.</summary>
    public ushort ChecksumStart;

    /// <summary>Offset of the checksum field in the transport header.</summary>
    public ushort ChecksumOffset;

    /// <summary>
    /// 0, or the bytes of stream data per segment for TCP segmentation offload (VIRTIO_NET_HDR_GSO_TCPV4).
    /// </summary>
    public ushort SegmentSize;
}

/// <summary>
/// The owner of a stack, seen from the stack: how frames leave, how page frames are found, what is called when sockets
/// change. All functions get <see cref="Context"/> and must not call back into the stack.
/// </summary>
public unsafe struct Link
{
    /// <summary>First argument of every function below.</summary>
    public void* Context;

    /// <summary>
    /// Sends a frame. False when the device has no room: nothing was taken, and <see cref="Stack.LinkReady"/> is to be
    /// called when there is room again.
    /// </summary>
    public delegate*<void*, Transmission*, bool> Transmit;

    /// <summary>
    /// Address of a page frame queued by <see cref="Stack.SendPage"/>, asked at every (re)transmission. May be null
    /// when SendPage is not used.
    /// </summary>
    public delegate*<void*, ulong, byte*> ResolveFrame;

    /// <summary>
    /// Every byte of one SendPage was acknowledged, or the connection ended: called exactly once per successful
    /// SendPage. May be null.
    /// </summary>
    public delegate*<void*, ulong, void> ReleaseFrame;

    /// <summary>
    /// The readiness of a socket (the first argument is its handle) may have changed: those who wait for it are to be
    /// woken. The second says what came: Readable (bytes, a datagram), Acceptable (one more connection), Writable
    /// (room), None (another state: any of it may hold). May be null.
    /// </summary>
    public delegate*<void*, int, Readiness, void> Changed;

    /// <summary>
    /// Memory for so many bytes of one connection's stream in one direction, held while there are some. The last
    /// argument: may be taken of what is kept for reserved sockets. Null when there is none now. Where the function is
    /// null, the stack's own memory has all rings.
    /// </summary>
    public delegate*<void*, int, bool, byte*> TakeRing;

    /// <summary>
    /// Takes it back, with its length. The last argument: the link was given pieces of it, which the device may not
    /// have read yet; to others it is lent only after that. Null where <see cref="TakeRing"/> is.
    /// </summary>
    public delegate*<void*, byte*, int, bool, void> GiveRing;

    /// <summary>What the device can do.</summary>
    public LinkCapabilities Capabilities;

    /// <summary>
    /// Largest packet of either family on the wire, 576 to 9000; 1500 on Ethernet. 0 means 1500. IPv6 starts from 1280
    /// on.
    /// </summary>
    public int Mtu;

    /// <summary>
    /// Most pieces in one transmission, 1 to <see cref="MaxPiecesOfAnyLink"/>. 0 means the most.
    /// </summary>
    public int MaxPieces;

    /// <summary>
    /// Upper bound of <see cref="MaxPieces"/>: 64 KiB of pages, each with a record header before it, fit.
    /// </summary>
    public const int MaxPiecesOfAnyLink = 36;
}
