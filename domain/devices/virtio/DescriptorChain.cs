using Domain.Linux;

namespace Domain.Devices;

/// <summary>One request: a chain of guest buffers, already translated and checked.</summary>
/// <remarks>
/// The device-readable pieces come first, then the device-writable ones (virtio 1.2, 2.7.4.2). Translated once: what
/// the guest does to its descriptors afterwards changes nothing here.
/// </remarks>
internal sealed class DescriptorChain
{
    /// <summary>Longest chain that is accepted. Also the most that one readv or writev takes (IOV_MAX).</summary>
    public const int MaxPieces = 1024;

    public readonly IoVector[] Pieces = new IoVector[MaxPieces];

    /// <summary>How many pieces the device reads; the others, up to <see cref="Count"/>, it writes.</summary>
    public int ReadableCount;

    public int Count;
    public ulong ReadableBytes, WritableBytes;
    public ushort Head;

    public int WritableCount => Count - ReadableCount;

    internal void Clear(ushort head)
    {
        Head = head;
        Count = ReadableCount = 0;
        ReadableBytes = WritableBytes = 0;
    }
}
