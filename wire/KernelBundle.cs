using System;

namespace Wire;

/// <summary>
/// What loader/kernel reads after itself: this header, then command line, kernel and initramfs, back to back
/// (docs/protocols.md). A view over <see cref="Size"/> bytes.
/// </summary>
public readonly ref struct KernelBundle
{
    public const int Size = 48;
    public const uint Magic = 0x424B5645; // "EVKB"
    public const ushort Version = 1;
    public const uint MaxCommandLine = 4095;
    public const uint MaxPart = 0x40000000;
    public const ushort HasHash = 1;

    private readonly ReadOnlySpan<byte> bytes;

    private KernelBundle(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    public static bool TryParse(ReadOnlySpan<byte> header, out KernelBundle bundle)
    {
        bundle = default;
        if (header.Length != Size || Bytes.Le32(header, 0) != Magic || Bytes.Le16(header, 4) != Version)
            return false;
        bundle = new KernelBundle(header);
        return Bytes.Le16(header, 6) <= HasHash
            && Bytes.Le64(header, 20) == 0
            && bundle.KernelLength is > 0 and <= MaxPart
            && bundle.InitramfsLength <= MaxPart
            && bundle.CommandLineLength <= MaxCommandLine;
    }

    /// <param name="hash">SHA-1 over all that follows the header, or empty for none.</param>
    public static void Emit(Span<byte> to, uint commandLine, uint kernel, uint initramfs, ReadOnlySpan<byte> hash)
    {
        to.Slice(0, Size).Clear();
        Bytes.PutLe32(to, 0, Magic);
        Bytes.PutLe16(to, 4, Version);
        Bytes.PutLe16(to, 6, hash.Length == 0 ? (ushort)0 : HasHash);
        Bytes.PutLe32(to, 8, commandLine);
        Bytes.PutLe32(to, 12, kernel);
        Bytes.PutLe32(to, 16, initramfs);
        hash.CopyTo(to.Slice(28, Sha1.DigestSize));
    }

    /// <summary>Bytes of the command line, without a terminating zero.</summary>
    public uint CommandLineLength => Bytes.Le32(bytes, 8);

    public uint KernelLength => Bytes.Le32(bytes, 12);

    public uint InitramfsLength => Bytes.Le32(bytes, 16);

    public bool Hashed => Bytes.Le16(bytes, 6) == HasHash;

    public ReadOnlySpan<byte> Hash => bytes.Slice(28, Sha1.DigestSize);
}
