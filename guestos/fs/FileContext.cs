namespace Guestos;

/// <summary>What <see cref="ProcessFiles"/> holds.</summary>
public static unsafe class FileContext
{
    /// <summary>The descriptors of a process; null in a zombie.</summary>
    public static FileTable* TableOf(Process* process) => (FileTable*)process->Files.Table;

    /// <summary>No inode: the root of all.</summary>
    public static Place WorkingDirectoryOf(Process* process) =>
        new((Inode*)process->Files.WorkingDirectory, (Mount*)process->Files.WorkingMount);

    /// <summary>No inode: the root of all.</summary>
    public static Place RootDirectoryOf(Process* process) =>
        new((Inode*)process->Files.RootDirectory, (Mount*)process->Files.RootMount);

    /// <summary>Takes over the references of the new directory, and gives those of the old one up.</summary>
    public static void SetWorkingDirectory(Process* process, in Place place)
    {
        WorkingDirectoryOf(process).Drop();
        process->Files.WorkingDirectory = place.Inode;
        process->Files.WorkingMount = place.Mount;
    }

    /// <inheritdoc cref="SetWorkingDirectory"/>
    public static void SetRootDirectory(Process* process, in Place place)
    {
        RootDirectoryOf(process).Drop();
        process->Files.RootDirectory = place.Inode;
        process->Files.RootMount = place.Mount;
    }

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
        SetWorkingDirectory(child, WorkingDirectoryOf(parent).Hold());
        SetRootDirectory(child, RootDirectoryOf(parent).Hold());
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

    private static void Release(Process* process)
    {
        AioContexts.DestroyAll(process);
        FileTable* table = TableOf(process);
        process->Files.Table = null;
        FileTable.Release(table);
        SetWorkingDirectory(process, default);
        SetRootDirectory(process, default);
    }
}
