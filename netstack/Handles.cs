namespace Netstack;

/// <summary>
/// Handles: 11 bits of table index (connections from 0, listeners from 1024, datagram sockets from 1280), above them 20 bits of
/// the slot's generation, which changes whenever the handle is given up.
/// </summary>
internal static unsafe class Handles
{
    private const int IndexBits = 11;
    private const int FirstListener = 1024;
    private const int FirstDatagram = 1280;
    private const uint GenerationMask = 0xfffff;

    internal static int Of(Connection* connection) => Make(connection->Index, connection->Generation);

    internal static int Of(Stack* stack, Listener* listener) => Make(FirstListener + (int)(listener - stack->Listeners), listener->Generation);

    internal static int Of(DatagramSocket* socket) => Make(FirstDatagram + socket->Index, socket->Generation);

    /// <summary>The connection, or null when the handle is stale or of another kind.</summary>
    internal static Connection* Connection(Stack* stack, int handle)
    {
        int index = handle & ((1 << IndexBits) - 1);
        if (handle < 0 || index >= stack->ConnectionCount)
            return null;
        Connection* connection = stack->Connections + index;
        return connection->Owned && (connection->Generation & GenerationMask) == (uint)handle >> IndexBits ? connection : null;
    }

    internal static Listener* Listener(Stack* stack, int handle)
    {
        int index = (handle & ((1 << IndexBits) - 1)) - FirstListener;
        if (handle < 0 || index < 0 || index >= stack->ListenerCount)
            return null;
        Listener* listener = stack->Listeners + index;
        return listener->InUse && (listener->Generation & GenerationMask) == (uint)handle >> IndexBits ? listener : null;
    }

    internal static DatagramSocket* Datagram(Stack* stack, int handle)
    {
        int index = (handle & ((1 << IndexBits) - 1)) - FirstDatagram;
        if (handle < 0 || index < 0 || index >= stack->DatagramCount)
            return null;
        DatagramSocket* socket = stack->Datagrams + index;
        return socket->InUse && (socket->Generation & GenerationMask) == (uint)handle >> IndexBits ? socket : null;
    }

    private static int Make(int index, uint generation) => (int)((generation & GenerationMask) << IndexBits) | index;
}
