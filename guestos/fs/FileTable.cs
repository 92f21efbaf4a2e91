namespace Guestos;

/// <summary>The descriptors of a process, shared by processes made with CLONE_FILES.</summary>
public unsafe struct FileTable
{
    /// <summary>RLIMIT_NOFILE: descriptors are 0 to 255.</summary>
    public const int Capacity = 256;

    public int References;
    private fixed ulong _files[Capacity];
    private fixed ulong _closeOnExec[Capacity / 64];

    /// <summary>An empty table with one reference; null without memory.</summary>
    public static FileTable* Create() => null;

    /// <summary>A copy with one reference: same open files, same close-on-exec bits. Null without memory.</summary>
    public static FileTable* Fork(FileTable* table) => null;

    /// <summary>CLONE_FILES: the same table again.</summary>
    public static FileTable* Share(FileTable* table)
    {
        table->References++;
        return table;
    }

    /// <summary>Gives one reference up; the last one closes everything.</summary>
    public static void Release(FileTable* table) { }

    /// <summary>execve: closes what is marked. Un-share first when <see cref="References"/> is above 1.</summary>
    public static void CloseOnExec(FileTable* table) { }
}
