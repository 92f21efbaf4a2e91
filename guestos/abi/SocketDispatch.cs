namespace Guestos;

/// <summary>System calls on sockets, by number.</summary>
public static class SocketDispatch
{
    /// <summary>The result, or <see cref="Dispatch.Unknown"/> when the number is not one of a socket call.</summary>
    public static long Call(ulong number, ulong a, ulong b, ulong c, ulong d, ulong e, ulong f) => Dispatch.Unknown;
}
