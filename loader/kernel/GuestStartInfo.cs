using System;
using Board;

namespace Loader.Kernel;

/// <summary>
/// The <c>hvm_start_info</c> that the guest's kernel finds, with what it points to, in the lowest 64 KiB of memory.
/// </summary>
internal static unsafe class GuestStartInfo
{
    public const ulong Physical = 0x1000;

    public const int MaxCommandLine = 4095;

    private const ulong ModuleList = Physical + StartInfo.Size;
    private const ulong MemoryMap = 0x2000;
    private const ulong CommandLine = 0x4000;

    /// <summary>False when the command lines together are too long.</summary>
    public static bool TryWrite(in StartInfo monitor, ReadOnlySpan<byte> clientLine, ulong initramfs,
        uint initramfsLength)
    {
        // SAFETY: all of it lies in [0x1000, 0x10000): RAM of the start-of-day structures, which the firmware has
        // copied away.
        byte* line = (byte*)CommandLine;
        int length = 0;
        // What only the monitor knows comes first: a client that adds to it speaks for its own guest.
        ReadOnlySpan<byte> words = monitor.CommandLine;
        while (DeviceAnnouncement.TakeWord(ref words, out ReadOnlySpan<byte> word))
            if ((word.StartsWith("virtio_mmio."u8) || word.StartsWith("evilman."u8))
                && !TryAppend(line, ref length, word))
                return false;
        if (clientLine.IndexOf(0) >= 0 || (clientLine.Length > 0 && !TryAppend(line, ref length, clientLine)))
            return false;
        line[length] = 0;

        int ranges = monitor.MemoryRangeCount;
        for (int i = 0; i < ranges; i++)
        {
            StartInfo.MemoryRange range = monitor.MemoryRangeAt(i);
            ulong* entry = (ulong*)(MemoryMap + (ulong)(i * StartInfo.MemoryEntrySize));
            entry[0] = range.Address;
            entry[1] = range.Length;
            entry[2] = range.Kind;
        }
        ulong* module = (ulong*)ModuleList;
        module[0] = initramfs;
        module[1] = initramfsLength;
        module[2] = 0;
        module[3] = 0;
        StartInfo.Write((byte*)Physical, CommandLine, ModuleList, initramfsLength > 0 ? 1u : 0, MemoryMap,
            (uint)ranges);
        return true;
    }

    private static bool TryAppend(byte* line, ref int length, ReadOnlySpan<byte> text)
    {
        int space = length > 0 ? 1 : 0;
        if (length + space + text.Length > MaxCommandLine)
            return false;
        line[length] = (byte)' ';
        text.CopyTo(new Span<byte>(line + length + space, text.Length));
        length += space + text.Length;
        return true;
    }
}
