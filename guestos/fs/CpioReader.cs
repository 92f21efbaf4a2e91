using System;

namespace Guestos;

/// <summary>One member of an archive. Pointers lead into the archive.</summary>
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
}

/// <summary>
/// Reads a cpio archive in the "newc" format as it lies in memory (Linux Documentation/driver-api/early-userspace/buffer-format.rst):
/// 110 bytes of ASCII header, name, data, each padded to 4. Several archives may follow each other, with zeros in between.
/// </summary>
public unsafe struct CpioReader
{
    public const int HeaderLength = 110;
    private const int LongestName = Vfs.PathCapacity;

    private readonly byte* _archive;
    private readonly ulong _length;

    /// <summary>Where the next member begins; after a failure, where the damage is.</summary>
    public ulong Offset;

    /// <summary>The archive is not what it should be at <see cref="Offset"/>.</summary>
    public bool Damaged;

    /// <summary>SAFETY: the caller vouches for <paramref name="length"/> bytes; nothing outside them is ever touched.</summary>
    public CpioReader(byte* archive, ulong length)
    {
        _archive = archive;
        _length = length;
        Offset = 0;
        Damaged = false;
    }

    /// <summary>The next member; false at the end or at damage. <paramref name="trailer"/>: an archive ended here (its link numbers end too).</summary>
    public bool Next(out CpioMember member, out bool trailer)
    {
        trailer = false;
        member = default;
        while (Offset < _length && _archive[Offset] == 0)
            Offset++;
        if (Offset >= _length)
            return false;
        if (!Parse(ref member, out ulong end))
        {
            Damaged = true;
            return false;
        }

        Offset = end;
        trailer = new ReadOnlySpan<byte>(member.Name, member.NameLength).SequenceEqual("TRAILER!!!"u8);
        return true;
    }

    private readonly bool Parse(ref CpioMember member, out ulong end)
    {
        end = 0;
        ulong left = _length - Offset;
        if (left < HeaderLength)
            return false;
        byte* header = _archive + Offset;
        var magic = new ReadOnlySpan<byte>(header, 6);
        if (!magic.SequenceEqual("070701"u8) && !magic.SequenceEqual("070702"u8))
            return false;
        uint* fields = stackalloc uint[13];
        for (int i = 0; i < 13; i++)
            if (!Hex(header + 6 + 8 * i, out fields[i]))
                return false;
        uint nameSize = fields[11];
        if (nameSize < 2 || nameSize > LongestName || nameSize > left - HeaderLength)
            return false;
        byte* name = header + HeaderLength;
        if (name[nameSize - 1] != 0 || new ReadOnlySpan<byte>(name, (int)nameSize).IndexOf((byte)0) != (int)nameSize - 1)
            return false;
        ulong data = Pad(HeaderLength + (ulong)nameSize);
        uint size = fields[6];
        if (size != 0 && (data > left || size > left - data))
            return false;
        member.Number = fields[0];
        member.Mode = fields[1];
        member.UserId = fields[2];
        member.GroupId = fields[3];
        member.Links = fields[4];
        member.ModifyTime = fields[5];
        member.DataLength = size;
        member.DeviceMajor = fields[7];
        member.DeviceMinor = fields[8];
        member.NodeMajor = fields[9];
        member.NodeMinor = fields[10];
        member.Name = name;
        member.NameLength = (int)nameSize - 1;
        member.Data = header + data;
        end = Math.Min(Offset + Pad(data + size), _length);
        return true;
    }

    private static ulong Pad(ulong offset) => (offset + 3) & ~3UL;

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
