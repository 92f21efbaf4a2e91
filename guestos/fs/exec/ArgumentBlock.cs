using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// Arguments and environment on their way from one program to the next: zero-terminated strings one after another in
/// kernel memory.
/// </summary>
internal unsafe struct ArgumentBlock
{
    private const int BlockFrames = 32;

    /// <summary>ARG_MAX: strings with their zeros.</summary>
    public const int Capacity = BlockFrames * Frames.Size;
    private const int MaxStrings = 4096;

    public byte* Base;

    /// <summary>Bytes of all strings, and of the arguments, which come first.</summary>
    public int Length;
    public int ArgumentBytes;
    public int ArgumentCount;
    public int EnvironmentCount;

    /// <summary>Where the path of the first script lies among the arguments; 0: it is no script that runs.</summary>
    private int scriptPath;

    /// <summary>
    /// What execve(2) was given: the first script's path where an interpreter at <paramref name="path"/> runs it. It
    /// names the process and is AT_EXECFN.
    /// </summary>
    public readonly byte* FileName(byte* path) => scriptPath != 0 ? Base + scriptPath : path;

    /// <summary>False without memory.</summary>
    public bool Begin()
    {
        ulong block = Frames.AllocateContiguous(BlockFrames);
        if (block == 0)
            return false;
        Base = DirectMap.At(block);
        return true;
    }

    public readonly void Free()
    {
        ulong block = DirectMap.PhysicalOf(Base);
        for (int i = 0; i < BlockFrames; i++)
            Frames.Release(block + (ulong)(i * Frames.Size));
    }

    /// <summary>Appends the strings of a null-terminated array; null is an empty one. 0, E2BIG, EFAULT.</summary>
    public long Add(UserPointer<UserString> strings, bool isEnvironment)
    {
        for (ulong i = 0; !strings.IsNull; i++)
        {
            if (i == MaxStrings)
                return Errno.E2BIG;
            if (!strings.At(i).TryGet(out UserString text))
                return Errno.EFAULT;
            if (text.IsNull)
                break;
            long error = Take(text.CopyTo(Base + Length, Capacity - Length), isEnvironment);
            if (error < 0)
                return error;
        }
        if (!isEnvironment)
            ArgumentBytes = Length;
        return 0;
    }

    /// <summary>The same out of kernel memory.</summary>
    public long AddFromKernel(byte** strings, bool isEnvironment)
    {
        for (; strings != null && *strings != null; strings++)
        {
            long error = Take(CopyFromKernel(*strings), isEnvironment);
            if (error < 0)
                return error;
        }
        if (!isEnvironment)
            ArgumentBytes = Length;
        return 0;
    }

    /// <summary>A string has been copied behind the others: its length, or why it was not.</summary>
    private long Take(long length, bool isEnvironment)
    {
        if (length < 0)
            return length == Errno.ENAMETOOLONG ? Errno.E2BIG : length;
        Length += (int)length + 1;
        if (isEnvironment)
            EnvironmentCount++;
        else
            ArgumentCount++;
        return 0;
    }

    /// <summary>Appends one argument from kernel memory.</summary>
    public long AddText(byte* text)
    {
        long length = CopyFromKernel(text);
        if (length < 0)
            return Errno.E2BIG;
        Length += (int)length + 1;
        ArgumentBytes = Length;
        ArgumentCount++;
        return 0;
    }

    private readonly long CopyFromKernel(byte* text)
    {
        for (int i = 0; Length + i < Capacity; i++)
        {
            Base[Length + i] = text[i];
            if (text[i] == 0)
                return i;
        }
        return Errno.ENAMETOOLONG;
    }

    /// <summary>
    /// A script's first line, behind "#!": argv[0] becomes the interpreter, its one optional argument, and the script's
    /// path; <paramref name="path"/> becomes the interpreter. 0, ENOEXEC, E2BIG.
    /// </summary>
    public long Interpret(byte* line, byte* path)
    {
        byte* name = SkipBlanks(line);
        byte* nameEnd = name;
        while (*nameEnd is not (0 or (byte)' ' or (byte)'\t' or (byte)'\n'))
            nameEnd++;
        byte* argument = SkipBlanks(nameEnd);
        byte* argumentEnd = argument;
        while (*argumentEnd is not (0 or (byte)'\n'))
            argumentEnd++;
        while (argumentEnd > argument && argumentEnd[-1] is (byte)' ' or (byte)'\t')
            argumentEnd--;
        int nameLength = (int)(nameEnd - name);
        int argumentLength = (int)(argumentEnd - argument);
        int pathLength = Memory.StringLength(path);
        if (nameLength == 0)
            return Errno.ENOEXEC;
        int inserted = nameLength + 1 + pathLength + 1;
        if (argumentLength > 0)
            inserted += argumentLength + 1;
        int removed = Memory.StringLength(Base) + 1;
        if (Length - removed + inserted > Capacity)
            return Errno.E2BIG;
        Unsafe.CopyBlock(Base + inserted, Base + removed, (uint)(Length - removed));
        byte* to = Base;
        Append(ref to, name, nameLength);
        if (argumentLength > 0)
        {
            Append(ref to, argument, argumentLength);
            ArgumentCount++;
        }
        if (scriptPath == 0)
            scriptPath = (int)(to - Base);
        else
            scriptPath += inserted - removed;
        Append(ref to, path, pathLength);
        ArgumentCount++;
        Length += inserted - removed;
        ArgumentBytes += inserted - removed;
        Unsafe.CopyBlock(path, name, (uint)nameLength);
        path[nameLength] = 0;
        return 0;
    }

    private static byte* SkipBlanks(byte* at)
    {
        while (*at is (byte)' ' or (byte)'\t')
            at++;
        return at;
    }

    private static void Append(ref byte* to, byte* text, int length)
    {
        Unsafe.CopyBlock(to, text, (uint)length);
        to += length;
        *to = 0;
        to++;
    }
}
