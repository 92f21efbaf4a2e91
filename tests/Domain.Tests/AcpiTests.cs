using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using Domain.Boot;
using Xunit;

namespace Domain.Tests;

/// <summary>The board's description, read as a kernel reads it: from the root pointer, by lengths and sums.</summary>
public class AcpiTests
{
    private readonly GuestMemory memory = GuestMemory.Allocate(8 << 20);

    private Dictionary<string, byte[]> Tables(int devices)
    {
        AcpiTables.Write(memory, [.. Enumerable.Range(0, devices)
            .Select(i => new AcpiTables.VirtioDevice(0xfeb0_0000 + (uint)i * 512, 512, 16 + (uint)i))]);
        var root = memory.Slice(AcpiTables.RootPointer, 36);
        Assert.Equal("RSD PTR ", Encoding.ASCII.GetString(root[..8]));
        Assert.Equal((0, 0), (Sum(root[..20]), Sum(root)));
        var found = new Dictionary<string, byte[]>();
        byte[] extended = Table(BinaryPrimitives.ReadUInt64LittleEndian(root[24..]), found);
        for (int at = 36; at < extended.Length; at += 8)
            Table(BitConverter.ToUInt64(extended, at), found);
        Table(BitConverter.ToUInt64(found["FACP"], 140), found);
        return found;
    }

    private byte[] Table(ulong at, Dictionary<string, byte[]> found)
    {
        Assert.InRange(at, AcpiTables.RootPointer, AcpiTables.End - 36);
        byte[] table = memory.Slice(at, BinaryPrimitives.ReadInt32LittleEndian(memory.Slice(at + 4, 4))).ToArray();
        Assert.Equal(0, Sum(table));
        found.Add(Encoding.ASCII.GetString(table, 0, 4), table);
        return table;
    }

    private static byte Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes)
            sum += value;
        return sum;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    public void The_tables_are_found_whole(int devices)
    {
        var tables = Tables(devices);
        Assert.Equal(["APIC", "DSDT", "FACP", "XSDT"], tables.Keys.Order());
        byte[] facp = tables["FACP"];
        Assert.Equal(276, facp.Length);
        Assert.Equal(facp[40..44], facp[140..144]);
        Assert.Equal(1u << 20, BitConverter.ToUInt32(facp, 112) & 1u << 20);
        Assert.Equal([1, 8, 0, 1, 0x64, 0, 0, 0, 0, 0, 0, 0, 0xfe], facp[116..129]);
        Assert.Equal([1, 8, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0], facp[244..256]);
        Assert.Equal([1, 8, 0, 1, 1, 6, 0, 0, 0, 0, 0, 0], facp[256..268]);
        Assert.Equal(44 + 8 + 12, tables["APIC"].Length);
    }

    /// <summary>Each term's length leads to the next one, and the last one's to the end of the table.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    public void The_definitions_are_devices_end_to_end(int devices)
    {
        byte[] table = Tables(devices)["DSDT"];
        int at = table.AsSpan().IndexOf("\\_SB_"u8);
        int lengthBytes = table[at - 2] == 0x10 ? 1 : 2;
        Assert.Equal(0x10, table[at - lengthBytes - 1]);
        Assert.Equal((table.Length, at), PackageEnd(table, at - lengthBytes));
        var names = new List<string>();
        for (at += 5; at < table.Length;)
        {
            Assert.Equal([0x5b, 0x82], table[at..(at + 2)]);
            (int end, int name) = PackageEnd(table, at + 2);
            names.Add(Encoding.ASCII.GetString(table, name, 4));
            at = end;
        }
        Assert.Equal(table.Length, at);
        Assert.Equal(["COM1", "RTC0", "PEVT", .. Enumerable.Range(0, devices).Select(i => $"VR{i:D2}")], names);
    }

    // ACPI 6.5, 20.2.4: where the package ends, and where its content begins.
    private static (int End, int Content) PackageEnd(byte[] table, int at)
    {
        int more = table[at] >> 6, length = more == 0 ? table[at] : table[at] & 15;
        for (int i = 1; i <= more; i++)
            length |= table[at + i] << (8 * i - 4);
        return (at + length, at + 1 + more);
    }

    /// <summary>What Intel's compiler reads from the bytes it also compiles again, without a warning.</summary>
    [CompilerFact]
    public void Intels_compiler_reads_the_devices_back()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        foreach (var (name, table) in Tables(4))
        {
            File.WriteAllBytes(Path.Combine(folder, name), table);
            Compiler(folder, "-d", name);
        }
        Assert.Contains("0 Errors, 0 Warnings", Compiler(folder, "DSDT.dsl"));
        string source = File.ReadAllText(Path.Combine(folder, "DSDT.dsl"));
        string[] parts =
        [
            "Device (COM1)", "EisaId (\"PNP0501\")", "EisaId (\"PNP0B00\")", "\"QEMU0001\"", "\"LNRO0005\"",
            "Name (\\_S5, Package (0x04)", "Memory32Fixed (ReadWrite,", "0xFEB00600",
            "Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive",
        ];
        foreach (string part in parts)
            Assert.Contains(part, source);
        Directory.Delete(folder, true);
    }

    private static string Compiler(string folder, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(CompilerFactAttribute.Compiler, arguments)
        {
            WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        string said = process.StandardError.ReadToEnd() + process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0 && !said.Contains("Error ") && !said.Contains("Warning "), said);
        return said;
    }
}

/// <summary>A test that takes Intel's ACPI compiler.</summary>
public sealed class CompilerFactAttribute : FactAttribute
{
    internal const string Compiler = "iasl";

    public CompilerFactAttribute()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        bool installed = folders.Any(folder => File.Exists(Path.Combine(folder, Compiler)));
        Skip = installed ? null : $"{Compiler} is not installed here";
    }
}
