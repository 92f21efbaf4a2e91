namespace Guestos;

/// <summary>
/// Files opened with O_PATH: a place in the tree of names, by which calls that take a directory find it.
/// </summary>
public static unsafe class PathFile
{
    private static FileOperations s_operations;

    public static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations { Seek = &Seek, Poll = &Poll, Ioctl = &Ioctl };

    private static long Seek(File* file, long offset, uint whence) => Errno.EBADF;

    private static uint Poll(File* file) => PollEvents.Invalid;

    private static long Ioctl(File* file, uint request, ulong argument) => Errno.EBADF;
}
