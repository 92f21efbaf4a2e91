using Netstack;

namespace Guestos;

/// <summary>
/// Sockets by the handle that the stack gave them, without a search: each place of the stack has a pointer. A handle
/// that has been given up finds nothing, also when its place belongs to another socket by then.
/// </summary>
internal static unsafe class SocketTable
{
    private static Socket** s_sockets;
    private static int s_connections;
    private static int s_listeners;

    /// <summary>Makes the table for a stack of this size, at boot. False without memory.</summary>
    public static bool Start(in StackConfiguration stack)
    {
        s_connections = stack.Connections;
        s_listeners = stack.Listeners;
        int places = s_connections + s_listeners + stack.DatagramSockets;
        ulong table = Frames.AllocateContiguous((places * sizeof(Socket*) + Frames.Size - 1) / Frames.Size);
        s_sockets = (Socket**)DirectMap.At(table);
        return table != 0;
    }

    /// <summary>The stack has made a handle for the socket.</summary>
    public static void Attach(Socket* socket, int handle)
    {
        socket->Handle = handle;
        s_sockets[PlaceOf(handle)] = socket;
    }

    /// <summary>The socket's handle is about to be given up. Its place may have another socket already.</summary>
    public static void Detach(Socket* socket)
    {
        Socket** place = s_sockets + PlaceOf(socket->Handle);
        if (*place == socket)
            *place = null;
        socket->Handle = -1;
    }

    /// <summary>The socket of a handle; null when the handle has been given up.</summary>
    public static Socket* Find(int handle)
    {
        // SAFETY: handles are the stack's own, so the place is one of the table's.
        Socket* socket = s_sockets[PlaceOf(handle)];
        return socket != null && socket->Handle == handle ? socket : null;
    }

    private static int PlaceOf(int handle)
    {
        int index = Handles.IndexOf(handle);
        if (index < Handles.FirstListener)
            return index;
        if (index < Handles.FirstDatagram)
            return s_connections + index - Handles.FirstListener;
        return s_connections + s_listeners + index - Handles.FirstDatagram;
    }
}
