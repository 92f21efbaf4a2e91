using System;
using System.Buffers.Binary;
using Domain.Devices;

namespace Domain.Boot;

/// <summary>
/// The tables from which an operating system learns what is on the board (ACPI 6.5): RSDP, XSDT, FADT of a
/// hardware-reduced platform, MADT and DSDT. They lie where a PC's firmware has them, in [0xe0000, 0x100000), which the
/// memory map calls reserved.
/// </summary>
internal static class AcpiTables
{
    /// <summary>
    /// Where the root pointer lies: hvm_start_info.rsdp_paddr, and where systems look for it (5.2.5.1).
    /// </summary>
    public const ulong RootPointer = 0xe_0000;

    /// <summary>Behind the last of them.</summary>
    public const ulong End = 0x10_0000;

    private const ulong FirstTable = RootPointer + 0x40;
    private const int HeaderBytes = 36, RootPointerBytes = 36, FixedBytes = 276;
    private const byte FixedRevision = 6, FixedMinorRevision = 5, MultipleApicRevision = 6, DifferentiatedRevision = 2,
        ExtendedRevision = 1;

    // 5.2.9: WBINVD works; no fixed power and sleep buttons; the reset register is there; hardware-reduced.
    private const uint FixedFlags = 1 | 1 << 4 | 1 << 5 | 1 << 10 | 1 << 20;

    // 5.2.9.3: no VGA, no message signalled interrupts.
    private const ushort BootArchitecture = 1 << 2 | 1 << 3;

    private const byte ResetValue = 0xfe;

    /// <summary>A virtio device of the board.</summary>
    public readonly record struct VirtioDevice(uint Address, uint Length, uint Input);

    /// <summary>Writes all tables.</summary>
    public static void Write(GuestMemory memory, ReadOnlySpan<VirtioDevice> devices)
    {
        ulong next = FirstTable;
        ulong differentiated = Place(memory, ref next, Table("DSDT"u8, DifferentiatedRevision, Definitions(devices)));
        ulong fixedTable = Place(memory, ref next, Table("FACP"u8, FixedRevision, Fixed(differentiated)));
        ulong multipleApic = Place(memory, ref next, Table("APIC"u8, MultipleApicRevision, MultipleApic()));
        byte[] entries = [.. BitConverter.GetBytes(fixedTable), .. BitConverter.GetBytes(multipleApic)];
        ulong extended = Place(memory, ref next, Table("XSDT"u8, ExtendedRevision, entries));

        // 5.2.5.3: both checksums, the first over the 20 bytes of ACPI 1.0.
        var root = memory.Slice(RootPointer, RootPointerBytes);
        root.Clear();
        "RSD PTR "u8.CopyTo(root);
        Maker.CopyTo(root[9..]);
        root[15] = 2;
        BinaryPrimitives.WriteInt32LittleEndian(root[20..], RootPointerBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(root[24..], extended);
        root[8] = Checksum(root[..20]);
        root[32] = Checksum(root);
    }

    private static ReadOnlySpan<byte> Maker => "EVLMAN"u8;

    private static byte[] Definitions(ReadOnlySpan<VirtioDevice> devices)
    {
        byte[] present = Aml.Name("_STA", Aml.Number(0xf));
        var board = new byte[devices.Length + 3][];
        board[0] = Aml.Device("COM1", Aml.Name("_HID", Aml.EisaId("PNP0501")), Aml.Name("_UID", Aml.Number(0)), present,
            Resources(Aml.Ports(Uart.Port, (byte)Uart.PortCount), Aml.Interrupt(Uart.Irq, edge: true)));
        board[1] = Aml.Device("RTC0", Aml.Name("_HID", Aml.EisaId("PNP0B00")), present,
            Resources(Aml.Ports(Cmos.Port, (byte)Cmos.PortCount)));
        board[2] = Aml.Device("PEVT", Aml.Name("_HID", Aml.String("QEMU0001")), present,
            Resources(Aml.Ports(Pvpanic.Port, (byte)Pvpanic.PortCount)));
        for (int i = 0; i < devices.Length; i++)
        {
            var device = devices[i];
            board[i + 3] = Aml.Device($"VR{i:D2}", Aml.Name("_HID", Aml.String("LNRO0005")),
                Aml.Name("_UID", Aml.Number((uint)i)), present,
                Resources(Aml.Memory(device.Address, device.Length), Aml.Interrupt(device.Input, edge: false)));
        }
        byte[] zero = Aml.Number(0);
        byte[] softOff = Aml.Name("\\_S5_", Aml.Package(Aml.Number(SleepRegisters.SoftOff), zero, zero, zero));
        return Aml.Join(softOff, Aml.Scope("\\_SB_", board));
    }

    private static byte[] Resources(params byte[][] descriptors) =>
        Aml.Name("_CRS", Aml.Buffer([.. descriptors, Aml.EndTag]));

    // Offsets as in 5.2.9, which counts from the header.
    private static byte[] Fixed(ulong differentiated)
    {
        byte[] table = new byte[FixedBytes - HeaderBytes];
        var from = table.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(from[(40 - HeaderBytes)..], (uint)differentiated);
        BinaryPrimitives.WriteUInt16LittleEndian(from[(109 - HeaderBytes)..], BootArchitecture);
        BinaryPrimitives.WriteUInt32LittleEndian(from[(112 - HeaderBytes)..], FixedFlags);
        Port(from[(116 - HeaderBytes)..], I8042.Port + I8042.CommandOffset);
        from[128 - HeaderBytes] = ResetValue;
        from[131 - HeaderBytes] = FixedMinorRevision;
        BinaryPrimitives.WriteUInt64LittleEndian(from[(140 - HeaderBytes)..], differentiated);
        Port(from[(244 - HeaderBytes)..], SleepRegisters.Port);
        Port(from[(256 - HeaderBytes)..], SleepRegisters.Port + 1);
        return table;
    }

    // 5.2.12: one processor, one I/O APIC that begins with input 0; no 8259.
    private static byte[] MultipleApic() =>
    [
        .. BitConverter.GetBytes((uint)LocalApic.Address), 0, 0, 0, 0,
        0, 8, 0, 0, 1, 0, 0, 0,
        1, 12, 0, 0, .. BitConverter.GetBytes((uint)IoApic.Address), 0, 0, 0, 0,
    ];

    // Generic address structure (5.2.3.2): one byte of I/O space, accessed as a byte.
    private static void Port(Span<byte> at, ulong port)
    {
        at[0] = 1;
        at[1] = 8;
        at[3] = 1;
        BinaryPrimitives.WriteUInt64LittleEndian(at[4..], port);
    }

    private static byte[] Table(ReadOnlySpan<byte> signature, byte revision, byte[] content)
    {
        byte[] table = [.. signature, .. BitConverter.GetBytes(HeaderBytes + content.Length), revision, 0,
            .. Maker, .. "DOMAIN  "u8, 1, 0, 0, 0, .. "EVLM"u8, 1, 0, 0, 0, .. content];
        table[9] = Checksum(table);
        return table;
    }

    private static ulong Place(GuestMemory memory, ref ulong next, byte[] table)
    {
        ulong at = next;
        next = (at + (ulong)table.Length + 15) & ~15UL;
        if (next > End)
            throw new InvalidOperationException("the tables have outgrown their place");
        table.CopyTo(memory.Slice(at, table.Length));
        return at;
    }

    /// <summary>What makes the sum of all bytes zero.</summary>
    private static byte Checksum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes)
            sum += value;
        return (byte)-sum;
    }
}
