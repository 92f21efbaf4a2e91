using System;
using System.Collections.Generic;
using System.IO;
using Wire;

namespace Testing.Machines;

/// <summary>Makes checkpoint streams, right ones and others.</summary>
public sealed class CheckpointStream
{
    public const MachineFeatures Common = MachineFeatures.X86_64_V2 | MachineFeatures.VirtioMmio | MachineFeatures.VirtioNet
        | MachineFeatures.LocalApicTimer | MachineFeatures.CmosClock;

    /// <summary>
    /// Recovery code, position independent: writes "arrived ", '+' when RDI leads to a start info, the low byte of RSI, the count of late
    /// 8-byte units at RDX as a digit, the first byte of the first late frame and a line feed to the UART, and resets the machine.
    /// </summary>
    public static readonly byte[] RecoveryCode = Page(
        "4989f84989f14989d2488d353f000000baf8030000ac84c07403eeebf841813878c56e33b0217502b02bee4488c8ee498b0248c1e8030430ee"
        + "418a4228eeb00aeeb0fee6646a006a000f011c240f0b617272697665642000");

    private readonly MemoryStream bytes = new();
    private readonly uint[] table;
    private readonly CheckpointHash hash;

    public CheckpointStream(uint frames = 16384, CheckpointHash hash = CheckpointHash.Crc32CSum, MachineFeatures features = Common,
        ulong entry = CheckpointHeader.DirectMap + 0x400000, params uint[] addresses)
    {
        this.hash = hash;
        table = new uint[frames];
        byte[] header = new byte[CheckpointHeader.Size];
        CheckpointHeader.Emit(header, hash, features, frames, entry, 'A', addresses);
        bytes.Write(header);
    }

    public ulong Records { get; set; }

    public CheckpointStream Page(uint frame, byte[] page)
    {
        Record(frame, RecordFlags.Page);
        bytes.Write(page);
        if (frame < table.Length)
            table[frame] = Crc32C.Of(page);
        return this;
    }

    /// <param name="count">So many frames, from the first on.</param>
    public CheckpointStream Zero(uint frame, uint count = 1)
    {
        Record(frame, RecordFlags.Zero, count);
        for (uint zero = frame; zero < table.Length && zero - frame < count; zero++)
            table[zero] = Crc32C.ZeroPage;
        return this;
    }

    /// <summary>The lines in which a page differs from what the frame was before.</summary>
    public CheckpointStream Lines(uint frame, byte[] page, byte[] before) => Lines(frame, page, CheckpointLines.Changed(page, before));

    public CheckpointStream Lines(uint frame, byte[] page, ulong lines)
    {
        Record(frame, RecordFlags.Lines);
        byte[] changed = new byte[CheckpointLines.Size(lines)];
        CheckpointLines.Emit(changed, page, lines);
        bytes.Write(changed);
        if (frame < table.Length)
            table[frame] = Crc32C.Of(page);
        return this;
    }

    public CheckpointStream Recovery() => Page(0x400, RecoveryCode);

    private void Record(uint frame, RecordFlags flags, uint count = 1)
    {
        byte[] record = new byte[CheckpointRecord.Size];
        CheckpointRecord.Emit(record, frame, flags, count);
        bytes.Write(record);
        Records++;
    }

    public CheckpointStream Raw(params byte[] raw)
    {
        bytes.Write(raw);
        return this;
    }

    public byte[] End(uint damage = 0)
    {
        byte[] end = new byte[CheckpointRecord.Size + CheckpointTrailer.Size];
        CheckpointRecord.Emit(end, CheckpointRecord.EndFrame, RecordFlags.End);
        CheckpointTrailer.Emit(end.AsSpan(CheckpointRecord.Size), Records, hash == CheckpointHash.None ? 0 : Sum() ^ damage);
        bytes.Write(end);
        return bytes.ToArray();
    }

    private ulong Sum()
    {
        ulong sum = 0;
        for (uint frame = 0; frame < table.Length; frame++)
            sum += CheckpointSum.Term(frame, table[frame]);
        return sum;
    }

    public byte[] Unfinished() => bytes.ToArray();

    private static byte[] Page(string code)
    {
        byte[] page = new byte[4096];
        Convert.FromHexString(code).CopyTo(page, 0);
        return page;
    }
}
