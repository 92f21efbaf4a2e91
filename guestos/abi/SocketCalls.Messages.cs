using System;
using Netstack;

namespace Guestos;

/// <summary>
/// sendmsg(2) and recvmsg(2). A stream's vectors go one after the other; a datagram's are one datagram, which is brought together in the
/// kernel's memory, because the stack takes and gives datagrams in one piece.
/// </summary>
public static unsafe partial class SocketCalls
{
    private const ulong MostVectors = 1024, LargestDatagram = 65507, DatagramRoom = 65536;
    private const int Truncated = 0x20;

    // struct msghdr: name, namelen, iov, iovlen, control, controllen, flags (recvmsg(2)); 56 bytes.
    private struct MessageHeader
    {
        public ulong Name;
        public uint NameLength;
        public ulong Vectors, VectorCount, Control, ControlLength;
        public int Flags;
    }

    private struct Vector
    {
        public ulong Base, Length;
    }

    public static long SendMessage(ulong descriptor, ulong message, ulong flags)
    {
        long result = ReadMessage(descriptor, message, out MessageHeader header, out bool stream);
        if (result < 0)
            return result;
        return stream || header.VectorCount == 1 ? SendPieces(descriptor, in header, flags) : SendDatagram(descriptor, in header, flags);
    }

    public static long ReceiveMessage(ulong descriptor, ulong message, ulong flags)
    {
        long result = ReadMessage(descriptor, message, out MessageHeader header, out bool stream);
        if (result < 0)
            return result;
        int said = 0;
        result = stream ? ReceivePieces(descriptor, in header, flags, out Endpoints from) : ReceiveDatagram(descriptor, in header, flags, out from, out said);
        if (result < 0)
            return result;
        if (!UserMemory.Writable(message, (ulong)sizeof(MessageHeader)))
            return Errno.Fault;
        // SAFETY: made writable above.
        var at = (MessageHeader*)message;
        at->ControlLength = 0;
        at->Flags = said;
        if (header.Name != 0)
        {
            if (header.NameLength < SocketAddress.Size || !UserMemory.Writable(header.Name, SocketAddress.Size))
                return Errno.Fault;
            SocketAddress.Write((byte*)header.Name, from.RemoteAddress, from.RemotePort);
            at->NameLength = SocketAddress.Size;
        }
        return result;
    }

    private static long ReadMessage(ulong descriptor, ulong message, out MessageHeader header, out bool stream)
    {
        header = default;
        stream = false;
        long result = Get(descriptor, out _, out Socket* socket);
        if (result < 0)
            return result;
        stream = socket->Kind == SocketKind.Stream;
        if (!UserMemory.Readable(message, (ulong)sizeof(MessageHeader)))
            return Errno.Fault;
        // SAFETY: made readable above.
        header = *(MessageHeader*)message;
        if (header.VectorCount > MostVectors)
            return Errno.MessageTooLong;
        return UserMemory.Readable(header.Vectors, header.VectorCount * (ulong)sizeof(Vector)) ? 0 : Errno.Fault;
    }

    /// <summary>Read anew each time: a sleep may have changed the memory under it.</summary>
    private static bool TryGetVector(in MessageHeader header, ulong index, out Vector vector)
    {
        vector = default;
        ulong at = header.Vectors + index * (ulong)sizeof(Vector);
        if (!UserMemory.Readable(at, (ulong)sizeof(Vector)))
            return false;
        // SAFETY: made readable above.
        vector = *(Vector*)at;
        return true;
    }

    private static long SendPieces(ulong descriptor, in MessageHeader header, ulong flags)
    {
        long result = 0, total = 0;
        for (ulong i = 0; i < header.VectorCount && result >= 0; i++)
        {
            if (!TryGetVector(in header, i, out Vector vector))
                return total > 0 ? total : Errno.Fault;
            Transfer from = Transfer.User(vector.Base, vector.Length);
            if (from.Count == 0 && header.VectorCount > 1)
                continue;
            result = SendOne(descriptor, ref from, flags, header.Name, header.NameLength);
            total += Math.Max(result, 0);
            if (from.Count > 0)
                break;
        }
        return total > 0 ? total : result;
    }

    private static long ReceivePieces(ulong descriptor, in MessageHeader header, ulong flags, out Endpoints from)
    {
        from = default;
        long result = 0, total = 0;
        for (ulong i = 0; i < header.VectorCount; i++)
        {
            if (!TryGetVector(in header, i, out Vector vector))
                return total > 0 ? total : Errno.Fault;
            if (vector.Length == 0)
                continue;
            Transfer to = Transfer.User(vector.Base, vector.Length);
            // What is here already is taken; only for the first byte does anybody wait.
            result = ReceiveOne(descriptor, ref to, total > 0 ? flags | DontWait : flags, out from);
            total += Math.Max(result, 0);
            if (result <= 0 || to.Count > 0)
                break;
        }
        return total > 0 ? total : result;
    }

    private static long SendDatagram(ulong descriptor, in MessageHeader header, ulong flags)
    {
        ulong room = Frames.AllocateContiguous((int)(DatagramRoom / Frames.Size)), filled = 0;
        if (room == 0)
            return Errno.NoBuffers;
        byte* memory = DirectMap.At(room);
        long result = 0;
        for (ulong i = 0; i < header.VectorCount && result >= 0; i++)
            if (!TryGetVector(in header, i, out Vector vector))
                result = Errno.Fault;
            else if (vector.Length > LargestDatagram - filled)
                result = Errno.MessageTooLong;
            else if (!UserMemory.Readable(vector.Base, vector.Length))
                result = Errno.Fault;
            else
            {
                // SAFETY: made readable above; with what is there already it is no more than there is room for.
                Buffer.MemoryCopy((void*)vector.Base, memory + filled, DatagramRoom - filled, vector.Length);
                filled += vector.Length;
            }
        Transfer from = Transfer.Of(memory, filled);
        if (result >= 0)
            result = SendOne(descriptor, ref from, flags, header.Name, header.NameLength);
        Give(room);
        return result;
    }

    private static long ReceiveDatagram(ulong descriptor, in MessageHeader header, ulong flags, out Endpoints from, out int said)
    {
        from = default;
        said = 0;
        ulong room = Frames.AllocateContiguous((int)(DatagramRoom / Frames.Size)), taken = 0;
        if (room == 0)
            return Errno.NoBuffers;
        byte* memory = DirectMap.At(room);
        Transfer to = Transfer.Of(memory, DatagramRoom);
        long result = ReceiveOne(descriptor, ref to, flags, out from);
        ulong length = (ulong)Math.Max(result, 0);
        for (ulong i = 0; i < header.VectorCount && taken < length && result >= 0; i++)
        {
            ulong part = TryGetVector(in header, i, out Vector vector) ? Math.Min(vector.Length, length - taken) : 0;
            if (!UserMemory.Writable(vector.Base, part))
                result = Errno.Fault;
            else
                // SAFETY: made writable above, and the datagram is that long.
                Buffer.MemoryCopy(memory + taken, (void*)vector.Base, part, part);
            taken += part;
        }
        said = taken < length ? Truncated : 0;
        Give(room);
        return result < 0 ? result : (long)taken;
    }

    private static void Give(ulong room)
    {
        for (ulong at = 0; at < DatagramRoom; at += Frames.Size)
            Frames.Release(room + at);
    }
}
