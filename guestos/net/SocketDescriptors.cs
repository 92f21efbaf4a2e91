namespace Guestos;

/// <summary>Descriptors that are sockets: the meeting point of the file table and the sockets.</summary>
internal static unsafe class SocketDescriptors
{
    /// <summary>
    /// Makes a descriptor for a socket: its number, or -EMFILE, -ENFILE (the socket is then still the caller's).
    /// </summary>
    public static long Install(Socket* socket, uint flags, bool closeOnExec)
    {
        File* file = Files.Allocate(SocketFile.Operations, OpenFlags.RDWR | flags & OpenFlags.NONBLOCK);
        if (file == null)
            return Errno.ENFILE;
        file->Object = socket;
        long descriptor = FileTable.Install(FileContext.TableOf(Process.Current), file, closeOnExec);
        if (descriptor < 0)
            Files.Forget(file);
        return descriptor;
    }
}
