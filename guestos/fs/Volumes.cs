using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>What a file system in memory holds, and may hold at most (0: as much as there is).</summary>
public unsafe struct Volume
{
    /// <summary>Page frames of contents.</summary>
    public ulong Pages;
    public ulong MaxPages;
    public ulong Inodes;
    public ulong MaxInodes;

    /// <summary>Mounts that show it or a part of it.</summary>
    public int Mounts;

    /// <summary>Of one that ends with its last mount: its root, referenced.</summary>
    public Inode* Root;

    /// <summary>One more inode, or one more name of one, may be.</summary>
    public readonly bool HasInode => MaxInodes == 0 || Inodes < MaxInodes;

    /// <summary>Page frames that contents may still take.</summary>
    public readonly ulong Room =>
        MaxPages == 0
            ? FileContent.FreeFrames
            : Math.Min(MaxPages - Math.Min(Pages, MaxPages), FileContent.FreeFrames);
}

/// <summary>
/// File systems by their numbers, and the options of tmpfs (Linux Documentation/filesystems/tmpfs.rst).
/// </summary>
public static unsafe class Volumes
{
    private const int Count = 256;

    [InlineArray(Count)]
    private struct Table
    {
        private Volume first;
    }

    private static Table s_table;

    public static ref Volume Of(byte volume) => ref s_table[volume];

    /// <summary>What is asked for by mount(2): sizes, and the root directory's mode and owners.</summary>
    public struct Options
    {
        public ulong MaxPages;
        public ulong MaxInodes;
        public uint Mode;
        public uint User;
        public uint Group;
        public bool HasSize;
        public bool HasInodes;
        public bool HasUser;
        public bool HasGroup;
    }

    /// <summary>tmpfs takes half of memory where nothing is said.</summary>
    public static Options Standard =>
        new() { MaxPages = Frames.Total / 2, MaxInodes = Frames.Total / 2, Mode = 0x3ff };

    /// <summary>Reads "size=16m,mode=700" and the like; false: EINVAL.</summary>
    public static bool Parse(ReadOnlySpan<byte> text, ref Options options)
    {
        while (text.Length > 0)
        {
            int end = text.IndexOf((byte)',');
            ReadOnlySpan<byte> word = end < 0 ? text : text.Slice(0, end);
            text = end < 0 ? default : text.Slice(end + 1);
            if (word.Length > 0 && !ParseOne(word, ref options))
                return false;
        }

        return true;
    }

    private static bool ParseOne(ReadOnlySpan<byte> word, ref Options options)
    {
        ulong value;
        if (After(word, "size="u8, out ReadOnlySpan<byte> text))
        {
            options.HasSize = true;
            bool ofMemory = text.Length > 1 && text[text.Length - 1] == '%';
            if (!Number(ofMemory ? text.Slice(0, text.Length - 1) : text, 10, out value))
                return false;
            options.MaxPages = ofMemory
                ? Frames.Total * value / 100
                : (value + FileContent.PageSize - 1) / FileContent.PageSize;
            return true;
        }

        if (After(word, "nr_blocks="u8, out text))
        {
            options.HasSize = true;
            return Number(text, 10, out options.MaxPages);
        }

        if (After(word, "nr_inodes="u8, out text))
        {
            options.HasInodes = true;
            return Number(text, 10, out options.MaxInodes);
        }

        if (After(word, "mode="u8, out text))
        {
            bool good = Number(text, 8, out value);
            options.Mode = (uint)value & 0xfff;
            return good;
        }

        if (After(word, "uid="u8, out text))
        {
            options.HasUser = true;
            bool good = Number(text, 10, out value);
            options.User = (uint)value;
            return good;
        }

        if (After(word, "gid="u8, out text))
        {
            options.HasGroup = true;
            bool good = Number(text, 10, out value);
            options.Group = (uint)value;
            return good;
        }

        return word.SequenceEqual("noswap"u8) || word.SequenceEqual("inode64"u8) || word.SequenceEqual("inode32"u8);
    }

    private static bool After(ReadOnlySpan<byte> word, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> rest)
    {
        rest = word.StartsWith(name) ? word.Slice(name.Length) : default;
        return word.StartsWith(name);
    }

    /// <summary>Digits, and k, m or g behind decimal ones.</summary>
    private static bool Number(ReadOnlySpan<byte> text, uint radix, out ulong value)
    {
        value = 0;
        for (int i = 0; i < text.Length; i++)
        {
            int digit = text[i] - '0';
            if (digit >= 0 && digit < radix && value < 1UL << 50)
            {
                value = value * radix + (uint)digit;
                continue;
            }

            int shift = (text[i] | 0x20) switch { 'k' => 10, 'm' => 20, 'g' => 30, _ => 0 };
            if (radix != 10 || shift == 0 || i == 0 || i + 1 < text.Length || value >> 32 != 0)
                return false;
            value <<= shift;
        }

        return text.Length > 0;
    }
}
