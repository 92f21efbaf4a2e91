using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// A continuation token (thesis §8.2: "if s_0 is ever reached"): brings a running machine a new chain, with its first
/// elements. It names the chain that it follows, so it is good once. A view over <see cref="Size"/> bytes.
/// </summary>
public readonly ref struct Continuation
{
    public const int Size = SignedSize + Sha1.DigestSize;
    public const uint Magic = 0x54435645; // "EVCT"
    public const uint Version = 1;

    private const int SignedSize = 96;

    private readonly ref readonly ContinuationFields fields;

    private Continuation(in ContinuationFields fields) => this.fields = ref fields;

    /// <summary>Whether the bytes have the form of a continuation. Says nothing about who signed it.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Continuation token)
    {
        token = default;
        if (bytes.Length != Size)
            return false;
        token = new Continuation(in MemoryMarshal.AsRef<ContinuationFields>(bytes));
        return token.fields.Magic == Magic && token.fields.Version == Version && token.ElementCount > 0;
    }

    /// <summary>Writes and signs one.</summary>
    public static void Emit(
        Span<byte> to,
        in HmacSha1 key,
        uint node,
        uint count,
        ReadOnlySpan<byte> machine,
        ReadOnlySpan<byte> former,
        ReadOnlySpan<byte> chainEnd,
        ReadOnlySpan<byte> first)
    {
        ref ContinuationFields fields = ref MemoryMarshal.AsRef<ContinuationFields>(to);
        fields.Magic = Magic;
        fields.Version = Version;
        fields.Node = BinaryPrimitives.ReverseEndianness(node);
        fields.ElementCount = count;
        machine.Slice(0, HashChain.ElementSize).CopyTo(fields.Machine.Room);
        former.Slice(0, HashChain.ElementSize).CopyTo(fields.Former.Room);
        chainEnd.Slice(0, HashChain.ElementSize).CopyTo(fields.ChainEnd.Room);
        first.Slice(0, HashChain.ElementSize).CopyTo(fields.First.Room);
        key.Sign(to.Slice(0, SignedSize), fields.Signature.Room);
    }

    public uint Node => BinaryPrimitives.ReverseEndianness(fields.Node);

    /// <summary>How many elements of the new chain it carries, back to <see cref="First"/>.</summary>
    public uint ElementCount => fields.ElementCount;

    /// <summary>The machine's name: the chain end of the boot token that started it.</summary>
    public ref readonly Digest Machine => ref fields.Machine;

    /// <summary>The end of the chain that the machine is paid with until now.</summary>
    public ref readonly Digest Former => ref fields.Former;

    public ref readonly Digest ChainEnd => ref fields.ChainEnd;

    public ref readonly Digest First => ref fields.First;

    public bool SignedWith(in HmacSha1 key) => key.Verify(
        MemoryMarshal.AsBytes(new ReadOnlySpan<ContinuationFields>(in fields)).Slice(0, SignedSize),
        fields.Signature.Bytes);

    /// <summary>
    /// Whether hashing <see cref="First"/> <see cref="ElementCount"/> - 1 times gives <see cref="ChainEnd"/>.
    /// </summary>
    public bool ChainHolds() => HashChain.Leads(in fields.First, in fields.ChainEnd, fields.ElementCount - 1);
}

/// <summary>A continuation's bytes. The address is in network order.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct ContinuationFields
{
    public uint Magic;

    /// <summary>And two zeros.</summary>
    public uint Version;
    public uint Node;
    public uint ElementCount;
    public Digest Machine;
    public Digest Former;
    public Digest ChainEnd;
    public Digest First;
    public Digest Signature;
}
