using System.Globalization;

namespace Evilman.Text;

/// <summary>
/// A number of bytes that a user types and reads: "64M", "512K", "100". What it prints it also parses.
/// </summary>
internal readonly record struct ByteSize(long Bytes)
{
    public static implicit operator long(ByteSize size) => size.Bytes;

    public override string ToString()
    {
        foreach (var (unit, shift) in ((char, int)[])[('G', 30), ('M', 20), ('K', 10)])
        {
            if (Bytes != 0 && Bytes % (1L << shift) == 0)
                return string.Create(CultureInfo.InvariantCulture, $"{Bytes >> shift}{unit}");
        }
        return Bytes.ToString(CultureInfo.InvariantCulture);
    }
}
