using System;

namespace Loader.Kernel;

/// <summary>
/// An ELF64 image with the PVH entry note (System V ABI, "Object Files"; Xen "x86/HVM direct boot ABI"): every offset,
/// count and address in it is the client's and is checked against the file and against the memory that it may have.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="length">Its length, below 2^31.</param>
/// <param name="lowest">The first physical address that the image may be loaded to.</param>
/// <param name="end">One past the last.</param>
internal readonly unsafe struct Elf(byte* file, ulong length, ulong lowest, ulong end)
{
    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const int MaxProgramHeaders = 64;
    private const uint Load = 1;
    private const uint Note = 4;
    private const uint PhysicalEntry = 18;

    private ulong Word(ulong offset) => *(ulong*)(file + offset);

    private uint Half(ulong offset) => *(uint*)(file + offset);

    private ushort Quarter(ulong offset) => *(ushort*)(file + offset);

    /// <summary>
    /// Loads all segments, zeroes what the file leaves out, finds the entry. False when the image breaks a rule.
    /// </summary>
    public bool TryLoad(out uint entry)
    {
        entry = 0;
        // e_ident: ELF, 64 bits, little-endian, version 1; e_machine: x86-64.
        if (length < HeaderSize || Half(0) != 0x464c457f || Half(4) << 8 != 0x01010200u || Quarter(18) != 62)
            return false;
        ulong table = Word(32);
        int count = Quarter(56);
        if (Quarter(54) != ProgramHeaderSize || count is 0 or > MaxProgramHeaders
            || !InFile(table, (ulong)count * ProgramHeaderSize))
            return false;
        for (int i = 0; i < count; i++)
        {
            ulong header = table + (ulong)i * ProgramHeaderSize;
            ulong offset = Word(header + 8);
            ulong physical = Word(header + 24);
            ulong inFile = Word(header + 32);
            ulong inMemory = Word(header + 40);
            switch (Half(header))
            {
                case Load when inMemory > 0:
                    if (!InFile(offset, inFile) || inFile > inMemory || !InMemory(physical, inMemory)
                        || inMemory > int.MaxValue)
                        return false;
                    // SAFETY: both ranges were checked; the file lies outside [lowest, end).
                    new ReadOnlySpan<byte>(file + offset, (int)inFile)
                        .CopyTo(new Span<byte>((byte*)physical, (int)inMemory));
                    new Span<byte>((byte*)physical + inFile, (int)(inMemory - inFile)).Clear();
                    break;
                case Note:
                    if (!InFile(offset, inFile))
                        return false;
                    if (FindEntry(offset, offset + inFile) is var found and not 0)
                        entry = found;
                    break;
            }
        }
        return entry != 0 && IsLoaded(table, count, entry);
    }

    private bool InFile(ulong offset, ulong size) => offset <= length && size <= length - offset;

    private bool InMemory(ulong address, ulong size) => address >= lowest && address <= end && size <= end - address;

    /// <summary>The descriptor of the note (name "Xen", type 18): 4 or 8 bytes. 0 when it is not there.</summary>
    private uint FindEntry(ulong at, ulong notesEnd)
    {
        while (notesEnd - at >= 12)
        {
            ulong name = (Half(at) + 3UL) & ~3UL;
            ulong size = Half(at + 4);
            ulong body = at + 12 + name;
            ulong next = body + ((size + 3) & ~3UL);
            // Lengths are 32 bits wide, so the sums do not overflow. The last note's padding may be missing.
            if (body > notesEnd || size > notesEnd - body)
                return 0;
            if (Half(at) == 4 && Half(at + 8) == PhysicalEntry && Half(at + 12) == 0x006e6558 && size is 4 or 8)
                return size == 8 && Half(body + 4) != 0 ? 0 : Half(body);
            if (next > notesEnd)
                return 0;
            at = next;
        }
        return 0;
    }

    private bool IsLoaded(ulong table, int count, uint address)
    {
        for (int i = 0; i < count; i++)
        {
            ulong header = table + (ulong)i * ProgramHeaderSize;
            if (Half(header) == Load && address >= Word(header + 24) && address - Word(header + 24) < Word(header + 32))
                return true;
        }
        return false;
    }
}
