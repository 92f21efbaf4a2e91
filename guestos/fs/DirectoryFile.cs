namespace Guestos;

/// <summary>Directories as open files: they are read by getdents(2) only.</summary>
public static unsafe class DirectoryFile
{
    private static FileOperations s_operations;

    public static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Read = &Read,
        ReadAt = &ReadAt,
        Seek = &Seek,
    };

    public static bool Is(File* file) => file->Operations == Operations;

    /// <summary>
    /// To a place that was told, or by so much; there is no end to count from (EINVAL), but in /proc, where it is 0.
    /// </summary>
    private static long Seek(File* file, long offset, uint whence) =>
        whence <= 1 || whence == 2 && !file->Inode->IsInMemory ? Files.SeekInside(file, offset, whence) : Errno.EINVAL;

    private static long Read(File* file, ref Transfer to) => Errno.EISDIR;

    private static long ReadAt(File* file, ulong offset, ref Transfer to) => Errno.EISDIR;
}
