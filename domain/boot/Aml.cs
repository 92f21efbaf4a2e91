using System;
using System.Collections.Generic;
using System.Text;

namespace Domain.Boot;

/// <summary>
/// ACPI machine language (ACPI 6.5, chapter 20): each method gives one term's bytes, to be put into another.
/// </summary>
internal static class Aml
{
    private const byte NameOp = 0x08, BytePrefix = 0x0a, DWordPrefix = 0x0c, StringPrefix = 0x0d, ScopeOp = 0x10,
        BufferOp = 0x11, PackageOp = 0x12, ExtendedPrefix = 0x5b, DeviceOp = 0x82;

    /// <summary>DefName. A name is four characters, or a backslash and four for one below the root.</summary>
    public static byte[] Name(string name, byte[] value) => [NameOp, .. Encoding.ASCII.GetBytes(name), .. value];

    public static byte[] Number(uint value) => value <= 0xff
        ? [BytePrefix, (byte)value]
        : [DWordPrefix, .. BitConverter.GetBytes(value)];

    public static byte[] String(string text) => [StringPrefix, .. Encoding.ASCII.GetBytes(text), 0];

    /// <summary>EISAID (19.3.4): three letters of five bits, then four hexadecimal digits; big-endian.</summary>
    public static byte[] EisaId(string id)
    {
        int letters = (id[0] - '@') << 10 | (id[1] - '@') << 5 | (id[2] - '@');
        return [DWordPrefix, (byte)(letters >> 8), (byte)letters, .. Convert.FromHexString(id.AsSpan(3))];
    }

    public static byte[] Package(params byte[][] elements) =>
        [PackageOp, .. WithLength([(byte)elements.Length, .. Join(elements)])];

    public static byte[] Buffer(params byte[][] parts)
    {
        byte[] content = Join(parts);
        return [BufferOp, .. WithLength([.. Number((uint)content.Length), .. content])];
    }

    public static byte[] Scope(string name, params byte[][] terms) =>
        [ScopeOp, .. WithLength([.. Encoding.ASCII.GetBytes(name), .. Join(terms)])];

    public static byte[] Device(string name, params byte[][] terms) =>
        [ExtendedPrefix, DeviceOp, .. WithLength([.. Encoding.ASCII.GetBytes(name), .. Join(terms)])];

    /// <summary>I/O port descriptor (6.4.2.5): these ports, decoded with 16 bits.</summary>
    public static byte[] Ports(ushort first, byte count) =>
        [0x47, 1, .. BitConverter.GetBytes(first), .. BitConverter.GetBytes(first), 1, count];

    /// <summary>32-bit fixed memory range descriptor (6.4.3.4), readable and writable.</summary>
    public static byte[] Memory(uint address, uint length) =>
        [0x86, 9, 0, 1, .. BitConverter.GetBytes(address), .. BitConverter.GetBytes(length)];

    /// <summary>Extended interrupt descriptor (6.4.3.6): one input of the I/O APIC, active high, not shared.</summary>
    public static byte[] Interrupt(uint input, bool edge) =>
        [0x89, 6, 0, (byte)(1 | (edge ? 2 : 0)), 1, .. BitConverter.GetBytes(input)];

    /// <summary>End tag (6.4.2.9) of a resource template, without a checksum.</summary>
    public static byte[] EndTag => [0x79, 0];

    public static byte[] Join(params byte[][] parts)
    {
        var joined = new List<byte>();
        foreach (byte[] part in parts)
            joined.AddRange(part);
        return [.. joined];
    }

    // PkgLength (20.2.4) counts itself: 6 bits in one byte, or 4 in the first and 8 in each of one or two more.
    private static byte[] WithLength(byte[] content)
    {
        int length = content.Length + 1;
        if (length < 1 << 6)
            return [(byte)length, .. content];
        length++;
        if (length < 1 << 12)
            return [(byte)(1 << 6 | length & 15), (byte)(length >> 4), .. content];
        length++;
        return [(byte)(2 << 6 | length & 15), (byte)(length >> 4), (byte)(length >> 12), .. content];
    }
}
