using System;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// A payment token (thesis §8.2, figure 8.2): an element of the chain that a machine is paid with, and how many
/// elements have been paid with it in all. A view over <see cref="Size"/> bytes.
/// </summary>
public readonly ref struct Payment
{
    public const int Size = 48;

    private readonly ref readonly PaymentFields fields;

    private Payment(in PaymentFields fields) => this.fields = ref fields;

    public static bool TryParse(ReadOnlySpan<byte> bytes, out Payment payment)
    {
        payment = default;
        if (bytes.Length != Size)
            return false;
        payment = new Payment(in MemoryMarshal.AsRef<PaymentFields>(bytes));
        return payment.fields.Reserved == 0 && payment.Count > 0;
    }

    public static void Emit(Span<byte> to, uint count, ReadOnlySpan<byte> machine, ReadOnlySpan<byte> element)
    {
        ref PaymentFields fields = ref MemoryMarshal.AsRef<PaymentFields>(to);
        fields.Count = count;
        fields.Reserved = 0;
        machine.Slice(0, HashChain.ElementSize).CopyTo(fields.Machine.Room);
        element.Slice(0, HashChain.ElementSize).CopyTo(fields.Element.Room);
    }

    /// <summary>
    /// How many elements of the chain are paid with this one, those of the token that brought the chain included.
    /// </summary>
    public uint Count => fields.Count;

    /// <summary>The machine's name: the chain end of the boot token that started it.</summary>
    public ref readonly Digest Machine => ref fields.Machine;

    /// <summary>s_{n-Count+1}.</summary>
    public ref readonly Digest Element => ref fields.Element;
}

[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct PaymentFields
{
    public uint Count;
    public uint Reserved;
    public Digest Machine;
    public Digest Element;
}
