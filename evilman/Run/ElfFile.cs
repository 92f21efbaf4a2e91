using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Text;

namespace Evilman.Run;

/// <summary>
/// What the head of an ELF file says of a program or library (System V ABI, gABI chapters 4 and 5): what it needs to
/// be run.
/// </summary>
/// <param name="Interpreter">The dynamic linker that it names; null for a static program.</param>
/// <param name="Needed">The libraries that it names (DT_NEEDED).</param>
/// <param name="HasOwnPaths">It says itself where libraries lie (DT_RPATH, DT_RUNPATH).</param>
internal sealed record ElfFile(string? Interpreter, IReadOnlyList<string> Needed, bool HasOwnPaths)
{
    /// <summary>Of one program; none has as many.</summary>
    const int MaxNeeded = 1024;

    const int HeaderSize = 64, ProgramHeaderSize = 56, DynamicSize = 16;
    const ushort Executable = 2, SharedObject = 3, X86_64 = 62;
    const uint Load = 1, Dynamic = 2, InterpreterHeader = 3;
    const long NeededTag = 1, StringTableTag = 5, RPathTag = 15, RunPathTag = 29;

    internal static bool Is(ReadOnlySpan<byte> file) => file.StartsWith("\x7f"u8 + "ELF"u8);

    /// <exception cref="Failure">It is no program for this machine, or damaged.</exception>
    /// <param name="name">For the sentence that refuses it.</param>
    internal static ElfFile Read(string name, ReadOnlySpan<byte> file)
    {
        const int Class64 = 2, LittleEndian = 1;
        if (!Is(file))
            throw new Failure($"{name} is no program: an ELF file begins otherwise");
        if (file.Length < HeaderSize)
            throw Damaged(name);
        if (file[4] != Class64 || file[5] != LittleEndian || Half(file, 18) != X86_64)
            throw new Failure($"{name} is a program for {MachineOf(file)}; machines here are x86-64");
        if (Half(file, 16) is not (Executable or SharedObject))
            throw new Failure($"{name} is neither a program nor a library: it was not linked yet, or is a core dump");
        var headers = Headers(name, file);
        string? interpreter = null;
        var needed = new List<string>();
        var hasOwnPaths = false;
        var isDynamic = false;
        foreach (var header in headers)
        {
            if (header.Kind == InterpreterHeader)
                interpreter = TextAt(name, file, header.Offset);
            // There is one (gABI chapter 5).
            if (header.Kind != Dynamic || isDynamic)
                continue;
            isDynamic = true;
            var entries = Entries(name, file, header);
            foreach (var (tag, value) in entries)
            {
                hasOwnPaths |= tag is RPathTag or RunPathTag;
                if (tag != NeededTag)
                    continue;
                if (needed.Count == MaxNeeded)
                    throw Damaged(name);
                needed.Add(TextAt(name, file, OffsetOf(name, headers, TableOf(name, entries)) + value));
            }
        }
        return new ElfFile(interpreter, needed, hasOwnPaths);
    }

    readonly record struct Header(uint Kind, ulong Offset, ulong Address, ulong Size);

    static List<Header> Headers(string name, ReadOnlySpan<byte> file)
    {
        var at = Word(file, 32);
        int size = Half(file, 54), count = Half(file, 56);
        var headers = new List<Header>();
        for (var i = 0; i < count; i++)
        {
            if (size < ProgramHeaderSize || at > (ulong)file.Length || (ulong)file.Length - at < ProgramHeaderSize)
                throw Damaged(name);
            var header = file[(int)at..];
            headers.Add(new Header(BinaryPrimitives.ReadUInt32LittleEndian(header), Word(header, 8), Word(header, 16),
                Word(header, 32)));
            at += (ulong)size;
        }
        return headers;
    }

    static List<(long Tag, ulong Value)> Entries(string name, ReadOnlySpan<byte> file, Header header)
    {
        var entries = new List<(long, ulong)>();
        if (header.Offset > (ulong)file.Length || header.Size > (ulong)file.Length - header.Offset)
            throw Damaged(name);
        var part = file.Slice((int)header.Offset, (int)header.Size);
        for (; part.Length >= DynamicSize && Word(part, 0) != 0; part = part[DynamicSize..])
            entries.Add(((long)Word(part, 0), Word(part, 8)));
        return entries;
    }

    static ulong TableOf(string name, List<(long Tag, ulong Value)> entries)
    {
        foreach (var (tag, value) in entries)
        {
            if (tag == StringTableTag)
                return value;
        }
        throw Damaged(name);
    }

    /// <summary>Where in the file lies what is at an address once it is loaded.</summary>
    static ulong OffsetOf(string name, List<Header> headers, ulong address)
    {
        foreach (var header in headers)
        {
            if (header.Kind == Load && address >= header.Address && address - header.Address < header.Size)
                return header.Offset + (address - header.Address);
        }
        throw Damaged(name);
    }

    static string TextAt(string name, ReadOnlySpan<byte> file, ulong offset)
    {
        if (offset >= (ulong)file.Length)
            throw Damaged(name);
        var text = file[(int)offset..];
        var end = text.IndexOf((byte)0);
        return end is > 0 and <= 4096 ? Encoding.Latin1.GetString(text[..end]) : throw Damaged(name);
    }

    static string MachineOf(ReadOnlySpan<byte> file) => Half(file, 18) switch
    {
        X86_64 => "x86-64 with 32-bit addresses",
        3 => "32-bit x86",
        40 => "32-bit ARM",
        183 => "ARM (aarch64)",
        243 => "RISC-V",
        var number => $"another processor (ELF machine {number})",
    };

    static Failure Damaged(string name) => new($"{name} is a damaged ELF file");

    static ushort Half(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    static ulong Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
}
