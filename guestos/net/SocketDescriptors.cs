namespace Guestos;

/// <summary>Descriptors that are sockets: the meeting point of the file table and the sockets.</summary>
internal static unsafe class SocketDescriptors
{
    /// <summary>The open file of a descriptor of the current process, or null.</summary>
    public static File* Get(int descriptor) => null;

    /// <summary>Makes a descriptor for a socket: its number, or -EMFILE, -ENFILE (the socket is then still the caller's).</summary>
    public static long Install(Socket* socket, uint flags, bool closeOnExec) => Errno.TooManyFiles;

    /// <summary>Gives up a reference to an open file.</summary>
    public static void Release(File* file) { }
}
