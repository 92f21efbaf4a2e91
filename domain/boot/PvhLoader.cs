using System;
using System.Buffers.Binary;

namespace Domain.Boot;

/// <summary>
/// Loads an ELF64 image that says where it starts in the PVH note (Xen "x86/HVM direct boot ABI"; ELF-64 object file
/// format 1.5).
/// </summary>
/// <remarks>
/// Contract of this folder: called once, by the main thread, before the machine runs and after the process has locked
/// itself in, on files that were opened before. Every offset and size in an image is checked; what is wrong is an <see
/// cref="ImageError"/>, and nothing runs. Guest memory is written through <see cref="GuestMemory"/> only.
/// </remarks>
internal static class PvhLoader
{
    /// <summary>XEN_ELFNOTE_PHYS32_ENTRY: the 32-bit physical address of the first instruction.</summary>
    private const uint PhysicalEntryNote = 18;

    private const int HeaderBytes = 64, ProgramHeaderBytes = 56, MaxProgramHeaders = 64;
    private const ulong MaxNoteBytes = 64 * 1024;
    private const uint LoadSegment = 1, NoteSegment = 4;
    private const ushort MachineX64 = 62, Executable = 2, SharedObject = 3;

    /// <summary>What was loaded: where it starts and the first byte after everything of it.</summary>
    public readonly record struct Loaded(uint Entry, ulong End);

    /// <summary>Copies the image's segments to their physical addresses.</summary>
    /// <exception cref="ImageError">it is not such an image, or does not fit</exception>
    public static Loaded Load(ImageFile file, GuestMemory memory)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (file.Length < HeaderBytes)
            throw new ImageError($"{file.Name} is not an ELF image: it is too short");
        file.Read(0, header);
        if (!header[..4].SequenceEqual("\u007fELF"u8))
            throw new ImageError($"{file.Name} is not an ELF image");
        if (header[4] != 2 || header[5] != 1 || BinaryPrimitives.ReadUInt16LittleEndian(header[18..]) != MachineX64)
            throw new ImageError($"{file.Name} is not a 64-bit x86 image");
        if (BinaryPrimitives.ReadUInt16LittleEndian(header[16..]) is not (Executable or SharedObject))
            throw new ImageError($"{file.Name} is an object file, not a linked image");
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        int entryBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[54..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        if (entryBytes != ProgramHeaderBytes || count is 0 or > MaxProgramHeaders)
            throw new ImageError($"{file.Name} has a broken program header table");

        uint? entry = null;
        ulong end = 0;
        Span<byte> program = stackalloc byte[ProgramHeaderBytes];
        for (int i = 0; i < count; i++)
        {
            if (!Within(file, table, (ulong)(i + 1) * ProgramHeaderBytes))
                throw new ImageError($"{file.Name} has a broken program header table");
            file.Read(table + (ulong)i * ProgramHeaderBytes, program);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(program);
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(program[8..]);
            ulong physical = BinaryPrimitives.ReadUInt64LittleEndian(program[24..]);
            ulong fileBytes = BinaryPrimitives.ReadUInt64LittleEndian(program[32..]);
            ulong memoryBytes = BinaryPrimitives.ReadUInt64LittleEndian(program[40..]);
            if (type is LoadSegment or NoteSegment && !Within(file, offset, fileBytes))
                throw new ImageError($"{file.Name} ends before segment {i} does");
            if (type == LoadSegment && (memoryBytes | fileBytes) != 0)
                end = Math.Max(end, LoadSegmentInto(file, memory, i, offset, physical, fileBytes, memoryBytes));
            else if (type == NoteSegment && fileBytes <= MaxNoteBytes)
                entry = FindEntry(file, offset, (int)fileBytes) ?? entry;
        }
        if (entry is null)
            throw new ImageError($"{file.Name} has no PVH entry point (ELF note 18 of \"Xen\")");
        if (!memory.Contains(entry.Value, 1))
            throw new ImageError($"{file.Name} starts at {entry.Value:x}, which is outside RAM");
        return new Loaded(entry.Value, end);
    }

    private static ulong LoadSegmentInto(ImageFile file, GuestMemory memory, int index, ulong offset, ulong physical,
        ulong fileBytes, ulong memoryBytes)
    {
        if (fileBytes > memoryBytes)
            throw new ImageError($"{file.Name}: segment {index} is larger in the file than in memory");
        if (!memory.Contains(physical, memoryBytes))
            throw new ImageError(
                $"{file.Name}: segment {index} at {physical:x} does not fit into {memory.Size >> 20} MiB of RAM");
        ulong end = physical + memoryBytes;
        if ((physical < StartInfo.End && end > StartInfo.Start)
            || (physical < AcpiTables.End && end > AcpiTables.RootPointer))
            throw new ImageError($"{file.Name}: segment {index} at {physical:x} lies where the boot information goes");
        for (ulong done = 0; done < fileBytes;)
        {
            int piece = (int)Math.Min(fileBytes - done, 1 << 30);
            file.Read(offset + done, memory.Slice(physical + done, piece));
            done += (ulong)piece;
        }
        // RAM starts as zeroes, but segments may overlap: what the file does not fill is zero by definition.
        for (ulong done = fileBytes; done < memoryBytes;)
        {
            int piece = (int)Math.Min(memoryBytes - done, 1 << 30);
            memory.Slice(physical + done, piece).Clear();
            done += (ulong)piece;
        }
        return physical + memoryBytes;
    }

    // A note: name size, descriptor size, type, then name and descriptor, each padded to four bytes (gABI, "Note
    // Section").
    private static uint? FindEntry(ImageFile file, ulong offset, int length)
    {
        var notes = new byte[length].AsSpan();
        file.Read(offset, notes);
        while (notes.Length >= 12)
        {
            uint nameBytes = BinaryPrimitives.ReadUInt32LittleEndian(notes);
            uint descriptorBytes = BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(notes[8..]);
            ulong nameEnd = 12 + (((ulong)nameBytes + 3) & ~3UL),
                descriptorEnd = nameEnd + (((ulong)descriptorBytes + 3) & ~3UL);
            if (nameEnd + descriptorBytes > (ulong)notes.Length)
                return null;
            if (type == PhysicalEntryNote && nameBytes == 4 && notes.Slice(12, 4).SequenceEqual("Xen\0"u8))
            {
                var descriptor = notes[(int)nameEnd..];
                if (descriptorBytes == 4)
                    return BinaryPrimitives.ReadUInt32LittleEndian(descriptor);
                if (descriptorBytes == 8 && BinaryPrimitives.ReadUInt64LittleEndian(descriptor) <= uint.MaxValue)
                    return BinaryPrimitives.ReadUInt32LittleEndian(descriptor);
                throw new ImageError($"{file.Name} has a PVH entry point above 4 GiB");
            }
            if (descriptorEnd >= (ulong)notes.Length)
                return null;
            notes = notes[(int)descriptorEnd..];
        }
        return null;
    }

    private static bool Within(ImageFile file, ulong offset, ulong length) =>
        offset <= file.Length && length <= file.Length - offset;
}
