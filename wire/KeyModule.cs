using System;

namespace Wire;

/// <summary>
/// How a machine's firmware gets the machine key: the first module of its start of day (docs/protocols.md). Made by
/// whoever starts the monitor; the firmware takes the key and wipes the module.
/// </summary>
public static class KeyModule
{
    public const int Size = KeyAt + MachineKey.Size;
    public const uint Magic = 0x4B4D5645; // "EVMK"
    public const ushort Version = 1;

    private const int VersionAt = 4;
    private const int KeyAt = 8; // two zeros between them

    public static void Emit(Span<byte> to, ReadOnlySpan<byte> machineKey)
    {
        Bytes.PutLe32(to, 0, Magic);
        Bytes.PutLe32(to, VersionAt, Version);
        machineKey.CopyTo(to.Slice(KeyAt));
    }

    public static bool TryParse(ReadOnlySpan<byte> module, out ReadOnlySpan<byte> machineKey)
    {
        bool known = module.Length == Size
            && Bytes.Le32(module, 0) == Magic
            && Bytes.Le32(module, VersionAt) == Version;
        machineKey = known ? module.Slice(KeyAt) : default;
        return known;
    }
}
