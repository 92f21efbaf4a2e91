namespace Guestos;

/// <summary>The file side of a socket; filled in by net/.</summary>
public static unsafe class SocketFile
{
    public static long Read(File* file, ref Transfer to) => Errno.NotSocket;
    public static long Write(File* file, ref Transfer from) => Errno.NotSocket;

    /// <summary><see cref="PollEvents"/> that hold now.</summary>
    public static uint Poll(File* file) => PollEvents.Error;

    public static long Ioctl(File* file, uint request, ulong argument) => Errno.NotTerminal;

    /// <summary>The last reference is gone.</summary>
    public static void Release(File* file) { }
}
