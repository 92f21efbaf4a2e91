using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// A SHA-1 digest, or an element of a chain, where records have one; elsewhere it is a span of so many bytes.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct Digest
{
    private ulong first;
    private ulong second;
    private uint third;

    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes(new ReadOnlySpan<Digest>(in this));

    /// <summary>The same bytes, to be written.</summary>
    [UnscopedRef]
    public Span<byte> Room => MemoryMarshal.AsBytes(new Span<Digest>(ref this));

    /// <summary>Equality in a time that does not depend on where they differ.</summary>
    public readonly bool Is(in Digest other) =>
        ((first ^ other.first) | (second ^ other.second) | (third ^ other.third)) == 0;
}
