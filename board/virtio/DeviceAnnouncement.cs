using System;

namespace Board;

/// <summary>
/// One virtio-mmio device as a monitor announces it on the kernel command line:
/// <c>virtio_mmio.device=SIZE@BASE:IRQ[:ID]</c> (Linux Documentation/admin-guide/kernel-parameters.txt).
/// </summary>
public struct DeviceAnnouncement
{
    /// <summary>Guest-physical address of the registers.</summary>
    public ulong Base;

    /// <summary>Length of the register window in bytes.</summary>
    public ulong Size;

    /// <summary>Input of the I/O APIC.</summary>
    public int Interrupt;

    private static ReadOnlySpan<byte> Key => "virtio_mmio.device="u8;

    /// <summary>
    /// Takes words off the front of <paramref name="line"/> up to and with the next announcement. False when there is
    /// no more. A malformed announcement is skipped: a device that cannot be found is the same as one that is not
    /// there.
    /// </summary>
    public static bool TryNext(ref ReadOnlySpan<byte> line, out DeviceAnnouncement device)
    {
        while (TakeWord(ref line, out ReadOnlySpan<byte> word))
            if (word.StartsWith(Key) && TryParse(word.Slice(Key.Length), out device))
                return true;
        device = default;
        return false;
    }

    /// <summary>Takes the next word, without the spaces around it. False at the end of the line.</summary>
    public static bool TakeWord(ref ReadOnlySpan<byte> line, out ReadOnlySpan<byte> word)
    {
        int start = 0;
        while (start < line.Length && line[start] <= ' ')
            start++;
        int end = start;
        while (end < line.Length && line[end] > ' ')
            end++;
        word = line.Slice(start, end - start);
        line = line.Slice(end);
        return word.Length > 0;
    }

    private static bool TryParse(ReadOnlySpan<byte> text, out DeviceAnnouncement device)
    {
        device = default;
        if (!TakeNumber(ref text, out device.Size))
            return false;
        if (text.Length > 0 && (text[0] | 0x20) is (byte)'k' or (byte)'m')
        {
            device.Size <<= (text[0] | 0x20) == 'k' ? 10 : 20;
            text = text.Slice(1);
        }
        if (!TakeByte(ref text, (byte)'@') || !TakeNumber(ref text, out device.Base)
            || !TakeByte(ref text, (byte)':') || !TakeNumber(ref text, out ulong interrupt) || interrupt > 255)
            return false;
        device.Interrupt = (int)interrupt;
        // The registers end at 0x100, configuration space follows. No virtio-mmio device has more than 16 MiB.
        return device.Size is >= 0x100 and <= 0x1000000 && device.Base != 0 && (device.Base & 3) == 0
            && (text.Length == 0 || text[0] == (byte)':');
    }

    private static bool TakeByte(ref ReadOnlySpan<byte> text, byte value)
    {
        if (text.Length == 0 || text[0] != value)
            return false;
        text = text.Slice(1);
        return true;
    }

    /// <summary>Decimal, or hexadecimal after 0x; at most 16 digits.</summary>
    private static bool TakeNumber(ref ReadOnlySpan<byte> text, out ulong value)
    {
        value = 0;
        uint radix = 10;
        if (text.Length > 2 && text[0] == (byte)'0' && (text[1] | 0x20) == 'x')
        {
            radix = 16;
            text = text.Slice(2);
        }
        int digits = 0;
        while (digits < text.Length && digits < 17)
        {
            int character = text[digits] | 0x20;
            uint digit = character switch
            {
                >= '0' and <= '9' => (uint)(character - '0'),
                >= 'a' and <= 'f' => (uint)(character - 'a' + 10),
                _ => 16,
            };
            if (digit >= radix)
                break;
            value = value * radix + digit;
            digits++;
        }
        text = text.Slice(digits);
        return digits is > 0 and <= 16;
    }
}
