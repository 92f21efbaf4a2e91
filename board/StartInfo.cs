using System;

namespace Board;

/// <summary>
/// What a PVH monitor hands over: <c>struct hvm_start_info</c>, version 1 (Xen, public/arch-x86/hvm/start_info.h).
/// Reading it and writing one for a guest. The structures lie in RAM; every length in them is bounded here.
/// </summary>
/// <param name="physical">Physical address of the structure.</param>
/// <param name="virtualBase">Where physical address 0 is mapped.</param>
public readonly unsafe struct StartInfo(ulong physical, ulong virtualBase)
{
    public const uint Magic = 0x336ec578;
    public const int Size = 56;
    public const int ModuleSize = 32;
    public const int MemoryEntrySize = 24;
    public const uint Ram = 1;
    public const int MaxCommandLine = 4096;
    public const int MaxMemoryEntries = 128;
    public const int MaxModules = 16;

    /// <summary>One range of the memory map.</summary>
    public struct MemoryRange
    {
        public ulong Address;
        public ulong Length;

        /// <summary>1 is RAM (the numbers of E820).</summary>
        public uint Kind;
    }

    /// <summary>One file that came along.</summary>
    public struct Module
    {
        public ulong Address;
        public ulong Length;
    }

    private readonly byte* at = (byte*)(virtualBase + physical);

    private ulong Word(int offset) => *(ulong*)(at + offset);

    private uint Half(int offset) => *(uint*)(at + offset);

    public bool IsValid => physical != 0 && Half(0) == Magic;

    /// <summary>Without the terminating zero; cut at 4,096 bytes.</summary>
    public ReadOnlySpan<byte> CommandLine
    {
        get
        {
            if (Word(24) == 0)
                return default;
            byte* text = (byte*)(virtualBase + Word(24));
            int length = 0;
            while (length < MaxCommandLine && text[length] != 0)
                length++;
            return new ReadOnlySpan<byte>(text, length);
        }
    }

    public int ModuleCount => (int)Math.Min(Half(12), MaxModules);

    public Module ModuleAt(int index)
    {
        // SAFETY: index below ModuleCount; the monitor vouches for the list's address.
        ulong* entry = (ulong*)(virtualBase + Word(16) + (ulong)(index * ModuleSize));
        return new Module { Address = entry[0], Length = entry[1] };
    }

    /// <summary>0 before version 1, which had no memory map.</summary>
    public int MemoryRangeCount => Half(4) < 1 || Word(40) == 0 ? 0 : (int)Math.Min(Half(48), MaxMemoryEntries);

    public MemoryRange MemoryRangeAt(int index)
    {
        // SAFETY: index below MemoryRangeCount; the monitor vouches for the map's address.
        ulong* entry = (ulong*)(virtualBase + Word(40) + (ulong)(index * MemoryEntrySize));
        return new MemoryRange { Address = entry[0], Length = entry[1], Kind = (uint)entry[2] };
    }

    /// <summary>
    /// End of the RAM range that holds 1 MiB: one past the last byte that firmware, loader and guest may use. At most 3
    /// GiB.
    /// </summary>
    public ulong MemoryEnd
    {
        get
        {
            for (int i = 0; i < MemoryRangeCount; i++)
            {
                MemoryRange range = MemoryRangeAt(i);
                if (range.Kind == Ram && range.Address <= 0x100000 && range.Length > 0x100000 - range.Address)
                    return Math.Min(range.Address + range.Length, 0xC0000000);
            }
            return 0;
        }
    }

    /// <summary>Writes the fixed part; the lists are the caller's.</summary>
    public static void Write(byte* to, ulong commandLine, ulong modules, uint moduleCount, ulong memoryMap,
        uint memoryRanges)
    {
        new Span<byte>(to, Size).Clear();
        *(uint*)to = Magic;
        *(uint*)(to + 4) = 1;
        *(uint*)(to + 12) = moduleCount;
        *(ulong*)(to + 16) = modules;
        *(ulong*)(to + 24) = commandLine;
        *(ulong*)(to + 40) = memoryMap;
        *(uint*)(to + 48) = memoryRanges;
    }
}
