using System;
using System.Buffers.Binary;
using System.Globalization;
using System.IO;
using System.Text.RegularExpressions;

namespace Evilman.Demo;

/// <summary>
/// How large the only privileged program is. The audit counts it exactly; this is for the demo's last line.
/// </summary>
public static partial class Ring0
{
    /// <summary>
    /// Bytes of machine code: the sections of the ELF image that are executable (System V ABI, figure 4-8 and 4-9).
    /// </summary>
    public static long TextBytes(ReadOnlySpan<byte> elf)
    {
        const int SectionTableAt = 0x28, EntrySizeAt = 0x3a, CountAt = 0x3c, FlagsAt = 8, SizeAt = 32;
        const ulong Executable = 4;
        if (elf.Length < 64 || !elf.StartsWith("\x7f"u8) || !elf[1..].StartsWith("ELF"u8))
            return 0;
        var table = (long)BinaryPrimitives.ReadUInt64LittleEndian(elf[SectionTableAt..]);
        var size = BinaryPrimitives.ReadUInt16LittleEndian(elf[EntrySizeAt..]);
        var count = BinaryPrimitives.ReadUInt16LittleEndian(elf[CountAt..]);
        long bytes = 0;
        for (var i = 0; i < count && table + (i + 1L) * size <= elf.Length; i++)
        {
            var section = elf[(int)(table + (long)i * size)..];
            if ((BinaryPrimitives.ReadUInt64LittleEndian(section[FlagsAt..]) & Executable) != 0)
                bytes += (long)BinaryPrimitives.ReadUInt64LittleEndian(section[SizeAt..]);
        }
        return bytes;
    }

    /// <summary>
    /// Code lines of everything linked into packetd, as the audit counts and enforces them (audit/budget.json). 0
    /// outside a work tree.
    /// </summary>
    public static int Lines(string? workTree)
    {
        var budget = workTree is null ? "" : Path.Combine(workTree, "audit/budget.json");
        return File.Exists(budget) && LinesPattern().Match(File.ReadAllText(budget)) is { Success: true } match
            ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
            : 0;
    }

    [GeneratedRegex("\"lines\":\\s*(\\d+)")]
    private static partial Regex LinesPattern();
}
