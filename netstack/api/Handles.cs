namespace Netstack;

/// <summary>
/// Handles: 15 bits of table index (connections from 0, listeners from 16,384, datagram sockets from 24,576), above
/// them 16 bits of the slot's generation, which changes whenever the handle is given up.
/// </summary>
public static unsafe class Handles
{
    internal const int IndexBits = 15;
    internal const int FirstListener = 1 << 14;
    internal const int FirstDatagram = FirstListener + (1 << 13);
    private const uint GenerationMask = 0xffff;

    internal static int Of(Connection* connection) => Make(connection->Index, connection->Generation);

    internal static int Of(Stack* stack, Listener* listener) =>
        Make(FirstListener + (int)(listener - stack->Listeners), listener->Generation);

    internal static int Of(DatagramSocket* socket) => Make(FirstDatagram + socket->Index, socket->Generation);

    /// <summary>The connection, or null when the handle is stale or of another kind.</summary>
    internal static Connection* Connection(Stack* stack, int handle)
    {
        int index = handle & ((1 << IndexBits) - 1);
        if (handle < 0 || index >= stack->ConnectionsMade)
            return null;
        Connection* connection = stack->Connections + index;
        return connection->Owned
            && (connection->Generation & GenerationMask) == (uint)handle >> IndexBits ? connection : null;
    }

    internal static Listener* Listener(Stack* stack, int handle)
    {
        int index = (handle & ((1 << IndexBits) - 1)) - FirstListener;
        if (handle < 0 || index < 0 || index >= stack->ListenerCount)
            return null;
        Listener* listener = stack->Listeners + index;
        return listener->InUse
            && (listener->Generation & GenerationMask) == (uint)handle >> IndexBits ? listener : null;
    }

    internal static DatagramSocket* Datagram(Stack* stack, int handle)
    {
        int index = (handle & ((1 << IndexBits) - 1)) - FirstDatagram;
        if (handle < 0 || index < 0 || index >= stack->DatagramCount)
            return null;
        DatagramSocket* socket = stack->Datagrams + index;
        return socket->InUse && (socket->Generation & GenerationMask) == (uint)handle >> IndexBits ? socket : null;
    }

    /// <summary>
    /// Its place among all sockets of the stack: 0 to 2^15 - 1, another one's when the handle is stale.
    /// </summary>
    public static int IndexOf(int handle) => handle & ((1 << IndexBits) - 1);

    private static int Make(int index, uint generation) => (int)((generation & GenerationMask) << IndexBits) | index;
}
