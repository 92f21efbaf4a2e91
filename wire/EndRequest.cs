using System;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>
/// The body of a magic ping that ends a machine: a proof that whoever sent it knew the machine's key
/// (docs/protocols.md).
/// </summary>
public static class EndRequest
{
    public const int Size = MachineKey.Size + 4;

    /// <param name="bytes">Of <see cref="Size"/>, which <see cref="MagicPing.Parse"/> has seen.</param>
    /// <returns>False when what has to be zero is not.</returns>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Digest proof)
    {
        proof = MemoryMarshal.AsRef<Digest>(bytes);
        return Bytes.Le32(bytes, MachineKey.Size) == 0;
    }

    public static void Emit(Span<byte> to, ReadOnlySpan<byte> machineKey)
    {
        MachineKey.EndProof(machineKey, to);
        Bytes.PutLe32(to, MachineKey.Size, 0);
    }
}
