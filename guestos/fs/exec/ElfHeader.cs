using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>ELF64 file header (System V gABI, chapter 4).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ElfHeader
{
    public const uint ElfMagic = 0x464c457f;
    public const byte Class64 = 2;
    public const byte LittleEndian = 1;
    public const ushort Executable = 2;
    public const ushort SharedObject = 3;
    public const ushort MachineX64 = 62;

    public uint Magic;
    public byte Class;
    public byte Data;
    public byte Version;
    public byte OsAbi;
    public ulong Padding;
    public ushort Type;
    public ushort Machine;
    public uint FormatVersion;
    public ulong Entry;
    public ulong ProgramHeaders;
    public ulong SectionHeaders;
    public uint Flags;
    public ushort HeaderSize;
    public ushort ProgramHeaderSize;
    public ushort ProgramHeaderCount;
    public ushort SectionHeaderSize;
    public ushort SectionHeaderCount;
    public ushort NamesIndex;
}

/// <summary>ELF64 program header (System V gABI, chapter 5).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ElfProgramHeader
{
    // PT_LOAD, PT_INTERP, PT_PHDR, PT_GNU_STACK
    public const uint Load = 1;
    public const uint Interpreter = 3;
    public const uint ProgramHeaders = 6;
    public const uint GnuStack = 0x6474e551;

    // PF_X, PF_W, PF_R
    public const uint Execute = 1;
    public const uint Write = 2;
    public const uint Read = 4;

    public uint Type;
    public uint Flags;
    public ulong Offset;
    public ulong Address;
    public ulong PhysicalAddress;
    public ulong FileSize;
    public ulong MemorySize;
    public ulong Alignment;
}
