using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Audit;

internal sealed record Section(string Name, uint Type, ulong Flags, ulong Address, ulong Offset, ulong Size, uint Link);

internal sealed record Segment(uint Type, uint Flags, ulong Address, ulong FileSize, ulong MemorySize);

internal sealed record Symbol(string Name, ulong Address, ulong Size);

/// <summary>What the audit needs of an ELF64 little-endian file (System V gABI, chapters 4 and 5).</summary>
internal sealed class ElfFile
{
    public const uint Dynamic = 2, Interpreter = 3, GnuStack = 0x6474E551;
    private readonly byte[] bytes;

    public ElfFile(string path)
    {
        bytes = File.ReadAllBytes(path);
        if (bytes.Length < 64 || U32(0) != 0x464C457F || bytes[4] != 2)
            throw new InvalidDataException($"{path} is not an ELF64 file.");
        int count = U16(60), names = U16(62);
        ulong at = U64(40);
        var raw = Enumerable.Range(0, count).Select(i => (int)at + 64 * i)
            .Select(i => (Name: U32(i), Type: U32(i + 4), Flags: U64(i + 8), Address: U64(i + 16), Offset: U64(i + 24), Size: U64(i + 32), Link: U32(i + 40))).ToArray();
        Sections = raw.Select(s => new Section(count == 0 ? "" : Text(raw[names].Offset + s.Name), s.Type, s.Flags, s.Address, s.Offset, s.Size, s.Link)).ToArray();
        Segments = Enumerable.Range(0, U16(56)).Select(i => (int)U64(32) + 56 * i)
            .Select(i => new Segment(U32(i), U32(i + 4), U64(i + 16), U64(i + 32), U64(i + 40))).ToArray();
        Symbols = Sections.Where(s => s.Type == 2).SelectMany(ReadSymbols).ToArray();
    }

    public IReadOnlyList<Section> Sections { get; }

    public IReadOnlyList<Segment> Segments { get; }

    /// <summary>Defined symbols that have a name, in the table's order.</summary>
    public IReadOnlyList<Symbol> Symbols { get; }

    public Section? Find(string name) => Sections.FirstOrDefault(section => section.Name == name);

    public ReadOnlySpan<byte> Bytes(Section section) => bytes.AsSpan((int)section.Offset, (int)section.Size);

    private IEnumerable<Symbol> ReadSymbols(Section table)
    {
        for (ulong i = table.Offset; i < table.Offset + table.Size; i += 24)
        {
            ushort section = U16((int)i + 6);
            string name = Text(Sections[(int)table.Link].Offset + U32((int)i));
            if (section is not 0 and < 0xFF00 && name.Length > 0 && (bytes[i + 4] & 15) is 0 or 1 or 2)
                yield return new Symbol(name, U64((int)i + 8), U64((int)i + 16));
        }
    }

    private string Text(ulong at)
    {
        int end = Array.IndexOf(bytes, (byte)0, (int)at);
        return Encoding.UTF8.GetString(bytes, (int)at, end - (int)at);
    }

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
}
