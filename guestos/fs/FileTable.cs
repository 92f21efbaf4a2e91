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
    public static FileTable* Create()
    {
        FileTable* table = Objects.Allocate<FileTable>();
        if (table != null)
            table->References = 1;
        return table;
    }

    /// <summary>A copy with one reference: same open files, same close-on-exec bits. Null without memory.</summary>
    public static FileTable* Fork(FileTable* table)
    {
        FileTable* copy = Create();
        if (copy == null)
            return null;
        for (int i = 0; i < Capacity; i++)
            if (table->_files[i] != 0)
                copy->_files[i] = (ulong)Files.Hold((File*)table->_files[i]);
        for (int i = 0; i < Capacity / 64; i++)
            copy->_closeOnExec[i] = table->_closeOnExec[i];
        return copy;
    }

    /// <summary>CLONE_FILES: the same table again.</summary>
    public static FileTable* Share(FileTable* table)
    {
        table->References++;
        return table;
    }

    /// <summary>Gives one reference up; the last one closes everything.</summary>
    public static void Release(FileTable* table)
    {
        if (table == null || --table->References > 0)
            return;
        for (int i = 0; i < Capacity; i++)
            Close(table, i);
        Objects.Free(table);
    }

    /// <summary>execve: closes what is marked. Un-share first when <see cref="References"/> is above 1.</summary>
    public static void CloseOnExec(FileTable* table)
    {
        for (int i = 0; i < Capacity; i++)
            if (IsCloseOnExec(table, i))
                Close(table, i);
    }

    /// <summary>The open file of a descriptor, without a reference of its own; null when there is none.</summary>
    public static File* Get(FileTable* table, ulong descriptor) =>
        table != null && descriptor < Capacity ? (File*)table->_files[descriptor] : null;

    /// <summary>Descriptors of the current process are below this (RLIMIT_NOFILE).</summary>
    public static uint Limit => Scheduler.Current == null ? Capacity
        : (uint)System.Math.Min(Capacity, ResourceLimits.Of(Scheduler.Current, Resource.OpenFiles));

    /// <summary>Gives a file, with the caller's reference, the lowest free descriptor from <paramref name="lowest"/> on. EMFILE: the reference stays the caller's.</summary>
    public static long Install(FileTable* table, File* file, bool closeOnExec, int lowest = 0)
    {
        for (int i = lowest; (uint)i < Limit; i++)
        {
            if (table->_files[i] != 0)
                continue;
            Put(table, i, file, closeOnExec);
            return i;
        }

        return Errno.TooManyDescriptors;
    }

    /// <summary>Gives a file, with the caller's reference, this descriptor; what it was before is closed.</summary>
    public static void Put(FileTable* table, int descriptor, File* file, bool closeOnExec)
    {
        File* before = (File*)table->_files[descriptor];
        table->_files[descriptor] = (ulong)file;
        SetCloseOnExec(table, descriptor, closeOnExec);
        if (before != null)
            Release(table, before);
    }

    /// <summary>False when there was none (EBADF).</summary>
    public static bool Close(FileTable* table, int descriptor)
    {
        File* file = (File*)table->_files[descriptor];
        if (file == null)
            return false;
        table->_files[descriptor] = 0;
        SetCloseOnExec(table, descriptor, false);
        Release(table, file);
        return true;
    }

    private static void Release(FileTable* table, File* file)
    {
        FileLocks.DescriptorClosed(file, table);
        Files.Release(file);
    }

    public static bool IsCloseOnExec(FileTable* table, int descriptor) =>
        (table->_closeOnExec[descriptor / 64] >> descriptor % 64 & 1) != 0;

    public static void SetCloseOnExec(FileTable* table, int descriptor, bool on)
    {
        ulong bit = 1UL << descriptor % 64;
        if (on)
            table->_closeOnExec[descriptor / 64] |= bit;
        else
            table->_closeOnExec[descriptor / 64] &= ~bit;
    }
}
