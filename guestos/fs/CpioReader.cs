using System;

namespace Guestos;

/// <summary>
/// One member of an archive. Pointers lead into it; <see cref="Data"/> is null where the content comes later.
/// </summary>
public unsafe struct CpioMember
{
    public uint Number;
    public uint Mode;
    public uint UserId;
    public uint GroupId;
    public uint Links;

    /// <summary>Seconds since 1970.</summary>
    public uint ModifyTime;
    public uint DeviceMajor;
    public uint DeviceMinor;
    public uint NodeMajor;
    public uint NodeMinor;

    /// <summary>Without the terminating zero; at least 1.</summary>
    public byte* Name;
    public int NameLength;
    public byte* Data;
    public uint DataLength;

    public readonly bool IsTrailer => new ReadOnlySpan<byte>(Name, NameLength).SequenceEqual("TRAILER!!!"u8);
}

/// <summary>
/// Reads a cpio archive in the "newc" format as it lies in memory (Linux
/// Documentation/driver-api/early-userspace/buffer-format.rst): 110 bytes of ASCII header, name, data, each padded to
/// 4. Several archives may follow each other, with zeros in between; what begins with something else, such as a
/// compressed archive, is the caller's.
/// </summary>
public unsafe struct CpioReader
{
    public const int HeaderLength = 110;
    public const int MaxNameLength = Vfs.PathCapacity;

    private readonly byte* archive;
    private readonly ulong length;

    /// <summary>Where the next member begins; after a failure, where that one does.</summary>
    public ulong Offset;

    /// <summary>
    /// What is at <see cref="Offset"/> is no member; <see cref="Cut"/> when it may be the beginning of one.
    /// </summary>
    public bool Damaged;
    public bool Cut;

    /// <summary>
    /// SAFETY: the caller vouches for <paramref name="length"/> bytes; nothing outside them is ever touched.
    /// </summary>
    public CpioReader(byte* archive, ulong length)
    {
        this.archive = archive;
        this.length = length;
        Offset = 0;
        Damaged = false;
        Cut = false;
    }

    /// <summary>Passes over zeros: false at the end. An archive, compressed or not, begins here.</summary>
    public bool SkipZeros()
    {
        while (Offset < length && archive[Offset] == 0)
            Offset++;
        return Offset < length;
    }

    /// <summary>There is a member here, whole or not.</summary>
    public readonly bool IsMember => length - Offset >= 6 && IsMagic(archive + Offset);

    /// <summary>
    /// The next member; false at damage. <paramref name="trailer"/>: an archive ended here (its link numbers end too).
    /// </summary>
    public bool Next(out CpioMember member, out bool trailer)
    {
        trailer = false;
        if (!Parse(out member, out ulong end))
        {
            Damaged = !Cut;
            return false;
        }

        Offset = end;
        trailer = member.IsTrailer;
        return true;
    }

    private bool Parse(out CpioMember member, out ulong end)
    {
        end = 0;
        member = default;
        ulong left = length - Offset;
        byte* header = archive + Offset;
        Cut = left < HeaderLength;
        if (Cut || !ParseHeader(header, out member, out uint nameSize))
            return false;
        Cut = nameSize > left - HeaderLength;
        if (Cut || !ParseName(header + HeaderLength, nameSize, ref member))
            return false;
        ulong data = Pad(HeaderLength + (ulong)nameSize);
        uint size = member.DataLength;
        Cut = size != 0 && (data > left || size > left - data);
        if (Cut)
            return false;
        member.Data = header + data;
        end = Math.Min(Offset + Pad(data + size), length);
        return true;
    }

    private static bool IsMagic(byte* at) =>
        new ReadOnlySpan<byte>(at, 5).SequenceEqual("07070"u8) && at[5] is (byte)'1' or (byte)'2';

    /// <summary>The header's <see cref="HeaderLength"/> bytes. False: they are none.</summary>
    public static bool ParseHeader(byte* header, out CpioMember member, out uint nameSize)
    {
        member = default;
        nameSize = 0;
        if (!IsMagic(header))
            return false;
        uint* fields = stackalloc uint[13];
        for (int i = 0; i < 13; i++)
            if (!Hex(header + 6 + 8 * i, out fields[i]))
                return false;
        member.Number = fields[0];
        member.Mode = fields[1];
        member.UserId = fields[2];
        member.GroupId = fields[3];
        member.Links = fields[4];
        member.ModifyTime = fields[5];
        member.DataLength = fields[6];
        member.DeviceMajor = fields[7];
        member.DeviceMinor = fields[8];
        member.NodeMajor = fields[9];
        member.NodeMinor = fields[10];
        nameSize = fields[11];
        return nameSize is >= 2 and <= MaxNameLength;
    }

    /// <summary>The name, with its zero in the last byte and nowhere else.</summary>
    public static bool ParseName(byte* name, uint nameSize, ref CpioMember member)
    {
        member.Name = name;
        member.NameLength = (int)nameSize - 1;
        return new ReadOnlySpan<byte>(name, (int)nameSize).IndexOf((byte)0) == member.NameLength;
    }

    public static ulong Pad(ulong offset) => (offset + 3) & ~3UL;

    private static bool Hex(byte* digits, out uint value)
    {
        value = 0;
        for (int i = 0; i < 8; i++)
        {
            int digit = digits[i] switch
            {
                >= (byte)'0' and <= (byte)'9' => digits[i] - '0',
                >= (byte)'a' and <= (byte)'f' => digits[i] - 'a' + 10,
                >= (byte)'A' and <= (byte)'F' => digits[i] - 'A' + 10,
                _ => -1,
            };
            if (digit < 0)
                return false;
            value = value << 4 | (uint)digit;
        }

        return true;
    }
}
