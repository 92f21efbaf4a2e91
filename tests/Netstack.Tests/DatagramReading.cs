using System;

namespace Netstack.Tests;

internal static class DatagramReading
{
    /// <summary>Takes the oldest datagram, cut to fit. Returns as <see cref="Stack.PeekDatagram"/>.</summary>
    public static int ReceiveFrom(this ref Stack stack, int socket, Span<byte> into, out Endpoints endpoints)
    {
        int length = stack.PeekDatagram(socket, 0, into, out endpoints);
        if (length >= 0)
            stack.DropDatagram(socket);
        return length;
    }
}
