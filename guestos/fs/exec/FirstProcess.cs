namespace Guestos;

/// <summary>How the first process begins.</summary>
internal static unsafe class FirstProcess
{
    /// <summary>Makes it, and has it run a program. Returns 0 or -errno.</summary>
    /// <param name="path">As for <see cref="Exec.Run(byte*, byte**, byte**)"/>.</param>
    public static long Start(byte* path, byte** arguments, byte** environment)
    {
        Process* process = Processes.CreateFirst();
        FileTable* files = FileTable.Create();
        if (process == null || files == null)
            return Errno.ENOMEM;
        process->Files.Table = files;
        if (Vfs.Root != null)
            FileContext.SetWorkingDirectory(process, new Place(Vfs.Root, Mounts.First).Hold());
        Vfs.OpenConsole(files);
        long result = Exec.Run(path, arguments, environment);
        if (result == 0)
            Processes.Begin(process);
        return result;
    }
}
