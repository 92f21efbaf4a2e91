namespace Netstack;

/// <summary>Setting the options of connections and listeners (which their connections inherit).</summary>
internal static unsafe class SocketOptions
{
    internal static int Set(Stack* stack, Connection* c, SocketOption option, int value, ulong now)
    {
        switch (option)
        {
            case SocketOption.NoDelay:
                c->NoDelay = value != 0;
                c->MoreFollows &= !c->NoDelay;
                if (c->NoDelay && Tcp.CanTransmitData(c->State))
                    TcpOutput.Run(stack, c, now);
                return 0;
            case SocketOption.KeepAlive:
                c->KeepAlive = value != 0;
                break;
            case SocketOption.KeepAliveIdle:
                c->KeepAliveIdle = (ulong)value * Tcp.Millisecond;
                break;
            case SocketOption.KeepAliveInterval:
                c->KeepAliveInterval = (ulong)value * Tcp.Millisecond;
                break;
            case SocketOption.KeepAliveCount:
                c->KeepAliveCount = value;
                break;
            case SocketOption.UserTimeout:
                c->UserTimeout = (ulong)value * Tcp.Millisecond;
                return 0;
            default:
                return SocketError.Invalid;
        }
        TcpTimers.StartKeepAlive(stack, c, now);
        return 0;
    }

    internal static int Set(Listener* listener, SocketOption option, int value)
    {
        switch (option)
        {
            case SocketOption.NoDelay:
                listener->NoDelay = value != 0;
                return 0;
            case SocketOption.KeepAlive:
                listener->KeepAlive = value != 0;
                return 0;
            case SocketOption.KeepAliveIdle:
                listener->KeepAliveIdle = value;
                return 0;
            case SocketOption.KeepAliveInterval:
                listener->KeepAliveInterval = value;
                return 0;
            case SocketOption.KeepAliveCount:
                listener->KeepAliveCount = value;
                return 0;
            case SocketOption.UserTimeout:
                listener->UserTimeout = value;
                return 0;
            default:
                return SocketError.Invalid;
        }
    }
}
