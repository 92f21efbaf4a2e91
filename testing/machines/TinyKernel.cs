using System;
using System.Buffers.Binary;

namespace Testing.Machines;

/// <summary>The smallest ELF image with a PVH entry point around a few bytes of 32-bit code.</summary>
public static class TinyKernel
{
    public const uint LoadAddress = 0x10_0000;

    private const int ProgramHeaders = 64, Notes = ProgramHeaders + 2 * 56, Code = Notes + 32;

    /// <summary>An image whose only segment, a page or more in memory, begins with <paramref name="code"/>, which is also its entry.</summary>
    public static byte[] Image(ReadOnlySpan<byte> code)
    {
        byte[] image = new byte[Code + code.Length];
        Span<byte> header = image;
        new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1 }.CopyTo(header);
        Put16(header, 16, 2);
        Put16(header, 18, 62);
        Put32(header, 20, 1);
        Put64(header, 32, ProgramHeaders);
        Put16(header, 52, 64);
        Put16(header, 54, 56);
        Put16(header, 56, 2);

        var load = header[ProgramHeaders..];
        Put32(load, 0, 1);
        Put64(load, 8, Code);
        Put64(load, 24, LoadAddress);
        Put64(load, 32, (ulong)code.Length);
        Put64(load, 40, (ulong)Math.Max(code.Length, 4096));

        var note = header[(ProgramHeaders + 56)..];
        Put32(note, 0, 4);
        Put64(note, 8, Notes);
        Put64(note, 32, 20);
        Put64(note, 48, 4);   // QEMU divides by it

        var entry = header[Notes..];
        Put32(entry, 0, 4);
        Put32(entry, 4, 4);
        Put32(entry, 8, 18);
        "Xen\0"u8.CopyTo(entry[12..]);
        Put32(entry, 16, LoadAddress);
        code.CopyTo(header[Code..]);
        return image;
    }

    private static void Put16(Span<byte> at, int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(at[offset..], value);

    private static void Put32(Span<byte> at, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(at[offset..], value);

    private static void Put64(Span<byte> at, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(at[offset..], value);
}
