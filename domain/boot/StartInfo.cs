using System;
using System.Buffers.Binary;
using System.Text;

namespace Domain.Boot;

/// <summary>
/// hvm_start_info, version 1 (Xen public headers, arch-x86/hvm/start_info.h): what a PVH guest finds at EBX.
/// </summary>
/// <remarks>
/// Everything lies between <see cref="Start"/> and <see cref="End"/>, below the 640 KiB line where no image goes:
/// the structure, one module entry, the memory map, then the command line.
/// </remarks>
internal static class StartInfo
{
    public const ulong Start = 0x9_0000, End = 0x9_fc00;

    /// <summary>Longest command line in bytes without its terminating zero.</summary>
    public const int MaxCommandLine = 8191;

    private const uint Magic = 0x336e_c578, Version = 1;
    private const uint Ram = 1, Reserved = 2;
    private const ulong Modules = Start + 0x100, MemoryMap = Start + 0x200, CommandLine = Start + 0x1000;
    private const int MapEntryBytes = 24;

    /// <summary>A module (the initramfs) in RAM.</summary>
    public readonly record struct Module(ulong Physical, ulong Length);

    /// <summary>Writes the structures and returns the address of the first.</summary>
    /// <exception cref="ImageError">the command line is too long</exception>
    public static uint Write(GuestMemory memory, string commandLine, Module? module)
    {
        int length = Encoding.UTF8.GetByteCount(commandLine);
        if (length > MaxCommandLine)
            throw new ImageError($"the kernel's command line has {length} bytes, more than {MaxCommandLine}");
        Encoding.UTF8.GetBytes(commandLine, memory.Slice(CommandLine, length));
        memory.Slice(CommandLine + (ulong)length, 1)[0] = 0;

        if (module is { } present)
        {
            var entry = memory.Slice(Modules, 32);
            entry.Clear();
            BinaryPrimitives.WriteUInt64LittleEndian(entry, present.Physical);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], present.Length);
        }

        int entries = 0;
        void Map(ulong from, ulong to, uint type)
        {
            if (to <= from)
                return;
            var entry = memory.Slice(MemoryMap + (ulong)(entries++ * MapEntryBytes), MapEntryBytes);
            BinaryPrimitives.WriteUInt64LittleEndian(entry, from);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], to - from);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], type);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[20..], 0);
        }

        Map(0, End, Ram);
        Map(End, 0x10_0000, Reserved);
        Map(0x10_0000, memory.Size, Ram);
        Map(0xfeb0_0000, 0x1_0000_0000, Reserved);

        var info = memory.Slice(Start, 56);
        info.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(info, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(info[4..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(info[12..], module is null ? 0u : 1u);
        BinaryPrimitives.WriteUInt64LittleEndian(info[16..], module is null ? 0 : Modules);
        BinaryPrimitives.WriteUInt64LittleEndian(info[24..], CommandLine);
        BinaryPrimitives.WriteUInt64LittleEndian(info[32..], AcpiTables.RootPointer);
        BinaryPrimitives.WriteUInt64LittleEndian(info[40..], MemoryMap);
        BinaryPrimitives.WriteUInt32LittleEndian(info[48..], (uint)entries);
        return (uint)Start;
    }
}
