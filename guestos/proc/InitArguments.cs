using System;
using Board;

namespace Guestos;

/// <summary>
/// Path, arguments and environment of the first process, out of the machine's command line as Linux passes them on
/// (Documentation/admin-guide/kernel-parameters.rst): words that mean something to a kernel stay, further ones with "="
/// are the environment, those without are arguments, and so is all behind "--". Words may hold blanks between double
/// quotes.
/// </summary>
internal unsafe struct InitArguments
{
    /// <summary>MAX_INIT_ARGS and MAX_INIT_ENVS; what is beyond is left out, with a line that says so.</summary>
    private const int MaxWords = 32;
    private const int TextFrame = 1;        // behind the path's
    private const int PointerFrame = 3;
    private const int FrameCount = 4;

    private ulong memory;
    private byte* text;
    private byte* textEnd;
    private int argumentCount;
    private int environmentCount;

    public readonly byte* Path => DirectMap.At(memory);

    /// <summary>Null-terminated.</summary>
    public readonly byte** Arguments => (byte**)(DirectMap.At(memory) + PointerFrame * Frames.Size);

    public readonly byte** Environment => Arguments + MaxWords + 1;

    /// <summary>False without memory.</summary>
    public bool Begin(ReadOnlySpan<byte> line)
    {
        memory = Frames.AllocateContiguous(FrameCount);
        if (memory == 0)
            return false;
        text = DirectMap.At(memory) + TextFrame * Frames.Size;
        textEnd = DirectMap.At(memory) + PointerFrame * Frames.Size;
        int pathLength = TakePath("/init"u8);
        ReadOnlySpan<byte> rest = line;
        while (TakeWord(ref rest, out ReadOnlySpan<byte> word) && !word.SequenceEqual("--"u8))
            if (word.StartsWith("init="u8) || word.StartsWith("rdinit="u8))
                pathLength = TakePath(word.Slice(word.IndexOf((byte)'=') + 1));
        AddArgument(new ReadOnlySpan<byte>(Path, pathLength));
        AddVariable("HOME=/"u8);
        AddVariable("TERM=vt100"u8);
        AddVariable("PATH=/bin:/sbin:/usr/bin:/usr/sbin"u8);
        bool all = false;
        rest = line;
        while (TakeWord(ref rest, out ReadOnlySpan<byte> word))
        {
            if (word.StartsWith("virtio_mmio.device="u8))
                continue;       // monitors append them, behind "--" too
            if (all)
                AddArgument(word);
            else if (word.SequenceEqual("--"u8))
                all = true;
            else if (IsKernels(word))
                continue;
            else if (word.IndexOf((byte)'=') > 0)
                AddVariable(word);
            else
                AddArgument(word);
        }
        return true;
    }

    public readonly void Free()
    {
        for (int i = 0; i < FrameCount; i++)
            Frames.Release(memory + (ulong)(i * Frames.Size));
    }

    private readonly int TakePath(ReadOnlySpan<byte> path)
    {
        int length = Math.Min(path.Length, 255);
        path.Slice(0, length).CopyTo(new Span<byte>(Path, Frames.Size));
        Path[length] = 0;
        return length;
    }

    private void AddArgument(ReadOnlySpan<byte> word)
    {
        if (argumentCount == MaxWords)
            Console.Write("guestos: too many arguments for the first program, the rest is left out\n"u8);
        else
        {
            Arguments[argumentCount] = Keep(word);
            argumentCount++;
        }
    }

    /// <summary>A later value takes the place of an earlier one.</summary>
    private void AddVariable(ReadOnlySpan<byte> word)
    {
        int place = 0;
        ReadOnlySpan<byte> name = word.Slice(0, word.IndexOf((byte)'=') + 1);
        while (place < environmentCount && !new ReadOnlySpan<byte>(Environment[place], name.Length).SequenceEqual(name))
            place++;
        if (place == MaxWords)
            Console.Write("guestos: too many variables for the first program, the rest is left out\n"u8);
        else
        {
            Environment[place] = Keep(word);
            environmentCount = Math.Max(environmentCount, place + 1);
        }
    }

    /// <summary>
    /// The word without its quotes, zero-terminated. The text has room for a whole command line and the words made up
    /// here.
    /// </summary>
    private byte* Keep(ReadOnlySpan<byte> word)
    {
        byte* start = text;
        for (int i = 0; i < word.Length && text < textEnd - 1; i++)
            if (word[i] != (byte)'"')
            {
                *text = word[i];
                text++;
            }
        *text = 0;
        text++;
        return start;
    }

    /// <summary>The next word; blanks between double quotes belong to it. False at the end of the line.</summary>
    private static bool TakeWord(ref ReadOnlySpan<byte> line, out ReadOnlySpan<byte> word)
    {
        int start = 0;
        while (start < line.Length && line[start] <= ' ')
            start++;
        int end = start;
        for (bool quoted = false; end < line.Length && (quoted || line[end] > ' '); end++)
            quoted ^= line[end] == (byte)'"';
        word = line.Slice(start, end - start);
        line = line.Slice(end);
        return word.Length > 0;
    }

    /// <summary>
    /// A parameter of this kernel or of a part of it ("part.parameter"), or one that boot loaders give to every Linux
    /// kernel and that means nothing here.
    /// </summary>
    private static bool IsKernels(ReadOnlySpan<byte> word)
    {
        int length = word.IndexOf((byte)'=');
        ReadOnlySpan<byte> name = length < 0 ? word : word.Slice(0, length);
        if (name.IndexOf((byte)'.') >= 0)
            return true;
        return Is(name, "init"u8) || Is(name, "rdinit"u8) || Is(name, "console"u8) || Is(name, "earlycon"u8)
            || Is(name, "earlyprintk"u8) || Is(name, "quiet"u8) || Is(name, "debug"u8) || Is(name, "loglevel"u8)
            || Is(name, "ro"u8) || Is(name, "rw"u8) || Is(name, "root"u8) || Is(name, "rootfstype"u8)
            || Is(name, "rootflags"u8) || Is(name, "rootwait"u8) || Is(name, "panic"u8) || Is(name, "reboot"u8)
            || Is(name, "acpi"u8) || Is(name, "pci"u8) || Is(name, "noapic"u8) || Is(name, "nolapic"u8)
            || Is(name, "nokaslr"u8) || Is(name, "mitigations"u8) || Is(name, "tsc"u8) || Is(name, "lpj"u8)
            || Is(name, "ip"u8) || Is(name, "8250"u8) || Is(name, "i8042"u8);
    }

    private static bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> known) => name.SequenceEqual(known);
}
