namespace Guestos;

/// <summary>What <see cref="ProcessFiles"/> holds.</summary>
public static unsafe class FileContext
{
    /// <summary>The descriptors of a process; null in a zombie.</summary>
    public static FileTable* TableOf(Process* process) => (FileTable*)process->Files.Table;

    public static Inode* WorkingDirectoryOf(Process* process) => (Inode*)process->Files.WorkingDirectory;

    /// <summary>Null for the root of all.</summary>
    public static Inode* RootDirectoryOf(Process* process) => (Inode*)process->Files.RootDirectory;

    /// <summary>At boot.</summary>
    internal static void Register()
    {
        ProcessFiles.Operations.Inherit = &Inherit;
        ProcessFiles.Operations.Release = &Release;
        ProcessFiles.Operations.SpaceReleased = &Vfs.FreeDead;
        ProcessFiles.Operations.SessionEnded = &Terminal.SessionEnded;
        ProcessFiles.Operations.Ended = &PidFile.Ended;
        ProcessFiles.Operations.IdOf = &PidFile.IdOf;
        ProcessFiles.Operations.OpenProcess = &PidFile.Open;
    }

    private static bool Inherit(Process* parent, Process* child, bool shareTable)
    {
        child->Files.WorkingDirectory = Hold(WorkingDirectoryOf(parent));
        child->Files.RootDirectory = Hold(RootDirectoryOf(parent));
        FileTable* table = TableOf(parent);
        child->Files.Table = shareTable ? FileTable.Share(table) : FileTable.Fork(table);
        return child->Files.Table != null;
    }

    /// <summary>The process gets a table of its own. False without memory.</summary>
    public static bool Unshare(Process* process)
    {
        FileTable* shared = TableOf(process);
        if (shared->References == 1)
            return true;
        FileTable* own = FileTable.Fork(shared);
        if (own == null)
            return false;
        process->Files.Table = own;
        FileTable.Release(shared);
        return true;
    }

    private static Inode* Hold(Inode* directory) => directory != null ? Vfs.Hold(directory) : null;

    private static void Release(Process* process)
    {
        FileTable* table = TableOf(process);
        process->Files.Table = null;
        FileTable.Release(table);
        Vfs.Release(WorkingDirectoryOf(process));
        Vfs.Release(RootDirectoryOf(process));
        process->Files.WorkingDirectory = null;
        process->Files.RootDirectory = null;
    }
}
