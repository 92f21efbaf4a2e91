using System;
using System.Buffers.Binary;
using Domain.Linux;

namespace Domain.Devices;

/// <summary>The block device (virtio 1.2, 5.2) over a file: one request queue, requests served at once.</summary>
internal sealed unsafe class VirtioBlock : VirtioDevice
{
    private const ulong VirtioBlkFSegMax = 1UL << 2, VirtioBlkFRo = 1UL << 5, VirtioBlkFBlkSize = 1UL << 6,
        VirtioBlkFFlush = 1UL << 9;
    private const int SectorBytes = 512, HeaderBytes = 16, IdentifierBytes = 20;
    private const uint VirtioBlkTIn = 0, VirtioBlkTOut = 1, VirtioBlkTFlush = 4, VirtioBlkTGetId = 8;
    private const byte VirtioBlkSOk = 0, VirtioBlkSIoerr = 1, VirtioBlkSUnsupp = 2;
    private const ushort QueueSize = 128;

    private readonly int descriptor;
    private readonly bool readOnly;
    private readonly ulong sectors;
    private readonly IoVector[] data = new IoVector[DescriptorChain.MaxPieces];

    public ulong Reads, Writes, Flushes, Errors;

    /// <summary>Serves the first <paramref name="bytes"/> (whole sectors of them) of an open file.</summary>
    public VirtioBlock(DmaMemory memory, int descriptor, ulong bytes, bool readOnly) : base(memory, 1, QueueSize)
    {
        this.descriptor = descriptor;
        this.readOnly = readOnly;
        sectors = bytes / SectorBytes;
    }

    public override VirtioDeviceKind Kind => VirtioDeviceKind.Block;

    public override string Name => "block";

    public override ulong Features =>
        VirtioBlkFSegMax | VirtioBlkFBlkSize | VirtioBlkFFlush | (readOnly ? VirtioBlkFRo : 0);

    public override string Summary =>
        $"block: {Reads} reads, {Writes} writes, {Flushes} flushes, {Errors} errors, failures {Failures}";

    // struct virtio_blk_config (5.2.4): capacity at 0, seg_max at 12, blk_size at 20.
    public override byte ReadConfiguration(ulong offset) => offset switch
    {
        < 8 => (byte)(sectors >> (int)(8 * offset)),
        >= 12 and < 16 => (byte)((uint)(QueueSize - 2) >> (int)(8 * (offset - 12))),
        >= 20 and < 24 => (byte)((uint)SectorBytes >> (int)(8 * (offset - 20))),
        _ => 0,
    };

    public override void Notify(int number) => ServeQueue(number);

    protected override Served Serve(DescriptorChain request, out uint written)
    {
        written = 0;
        // 5.2.6: a header to read at the front, a status byte to write at the end.
        if (request.ReadableBytes < HeaderBytes || request.WritableBytes < 1)
            return Served.Wrong;
        written = Serve(request);
        return Served.Done;
    }

    /// <summary>Serves a request of the right form; returns the bytes written into guest memory.</summary>
    private uint Serve(DescriptorChain chain)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        fixed (IoVector* pieces = chain.Pieces)
        fixed (IoVector* vectors = data)
        {
            int count = 0;
            ulong skipped = 0;
            // Readable data begins behind the header; writable data ends before the last byte.
            for (int i = 0; i < chain.ReadableCount; i++)
            {
                var piece = pieces[i];
                ulong part = Math.Min(HeaderBytes - skipped, piece.Length);
                new ReadOnlySpan<byte>(piece.Start, (int)part).CopyTo(header[(int)skipped..]);
                skipped += part;
                if (part < piece.Length)
                    vectors[count++] = new IoVector((byte*)piece.Start + part, piece.Length - part);
            }
            int readable = count;
            for (int i = chain.ReadableCount; i < chain.Count; i++)
                vectors[count++] = pieces[i];
            byte* status = (byte*)vectors[count - 1].Start + vectors[count - 1].Length - 1;
            if (--vectors[count - 1].Length == 0)
                count--;

            ulong written = 0;
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(header);
            ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
            byte result = type switch
            {
                VirtioBlkTIn when readable == 0 => Read(vectors, count, chain.WritableBytes - 1, sector, out written),
                VirtioBlkTOut when readable == count =>
                    Write(vectors, readable, chain.ReadableBytes - HeaderBytes, sector),
                VirtioBlkTIn or VirtioBlkTOut => VirtioBlkSIoerr,
                VirtioBlkTFlush => Synchronise(),
                VirtioBlkTGetId when count > readable => Identify(vectors[readable], out written),
                _ => VirtioBlkSUnsupp,
            };
            if (result != VirtioBlkSOk)
                Errors++;
            for (int i = readable; i < count && written > 0; i++)
                Memory.Written(vectors[i].Start, vectors[i].Length);
            *status = result;
            Memory.Written(status, 1);
            return (uint)written + 1;
        }
    }

    private bool Inside(ulong sector, ulong bytes) =>
        bytes % SectorBytes == 0 && bytes > 0 && bytes / SectorBytes <= sectors
            && sector <= sectors - bytes / SectorBytes;

    private byte Read(IoVector* vectors, int count, ulong bytes, ulong sector, out ulong written)
    {
        Reads++;
        written = 0;
        if (!Inside(sector, bytes))
            return VirtioBlkSIoerr;
        // The driver may be told of more bytes than came, but never of none that came.
        written = bytes;
        return Libc.preadv(descriptor, vectors, count, (long)(sector * SectorBytes)) == (nint)bytes ? VirtioBlkSOk
            : VirtioBlkSIoerr;
    }

    private byte Write(IoVector* vectors, int count, ulong bytes, ulong sector)
    {
        Writes++;
        if (readOnly || !Inside(sector, bytes))
            return VirtioBlkSIoerr;
        return Libc.pwritev(descriptor, vectors, count, (long)(sector * SectorBytes)) == (nint)bytes ? VirtioBlkSOk
            : VirtioBlkSIoerr;
    }

    private byte Synchronise()
    {
        Flushes++;
        return readOnly || Libc.fdatasync(descriptor) == 0 ? VirtioBlkSOk : VirtioBlkSIoerr;
    }

    private static byte Identify(IoVector into, out ulong written)
    {
        int length = (int)Math.Min(into.Length, IdentifierBytes);
        var text = new Span<byte>(into.Start, length);
        text.Clear();
        ReadOnlySpan<byte> name = "domain-disk"u8;
        name[..Math.Min(name.Length, length)].CopyTo(text);
        written = (ulong)length;
        return VirtioBlkSOk;
    }
}
