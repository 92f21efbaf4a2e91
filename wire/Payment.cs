using System;

namespace Wire;

/// <summary>
/// A payment token (thesis §8.2, figure 8.2): further elements of a domain's chain. A view over <see cref="Size"/>
/// bytes.
/// </summary>
public readonly ref struct Payment
{
    public const int Size = 48;

    private readonly ReadOnlySpan<byte> bytes;

    private Payment(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    public static bool TryParse(ReadOnlySpan<byte> bytes, out Payment payment)
    {
        payment = bytes.Length == Size ? new Payment(bytes) : default;
        return bytes.Length == Size && Bytes.Le32(bytes, 4) == 0 && payment.TokenCount > 0;
    }

    public static void Emit(Span<byte> to, uint count, ReadOnlySpan<byte> chainEnd, ReadOnlySpan<byte> element)
    {
        to.Slice(0, Size).Clear();
        Bytes.PutLe32(to, 0, count);
        chainEnd.Slice(0, HashChain.ElementSize).CopyTo(to.Slice(8));
        element.Slice(0, HashChain.ElementSize).CopyTo(to.Slice(28));
    }

    /// <summary>
    /// How many elements this pays: steps from <see cref="Element"/> to the last element paid before.
    /// </summary>
    public uint TokenCount => Bytes.Le32(bytes, 0);

    /// <summary>s_n of the boot token that started the domain.</summary>
    public ReadOnlySpan<byte> ChainEnd => bytes.Slice(8, HashChain.ElementSize);

    public ReadOnlySpan<byte> Element => bytes.Slice(28, HashChain.ElementSize);
}
