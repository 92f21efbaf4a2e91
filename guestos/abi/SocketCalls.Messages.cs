using System;
using Netstack;

namespace Guestos;

/// <summary>
/// sendmsg(2) and recvmsg(2). A stream's vectors go one after the other; a datagram's are one datagram, which is
/// brought together in the kernel's memory, because the stack takes datagrams in one piece.
/// </summary>
public static unsafe partial class SocketCalls
{
    public static long Sendmsg(ulong descriptor, UserPointer<MessageHeader> message, ulong flags)
    {
        long result = ReadMessage(descriptor, message, out File* file, out MessageHeader header, out bool stream);
        if (result < 0)
            return result;
        return stream ? SendPieces(file, in header, flags) : SendDatagram(file, in header, flags);
    }

    public static long Recvmsg(ulong descriptor, UserPointer<MessageHeader> message, ulong flags)
    {
        long result = ReadMessage(descriptor, message, out File* file, out MessageHeader header, out bool stream);
        if (result < 0)
            return result;
        if ((flags & MessageFlags.ErrorQueue) != 0)
            return Errno.EAGAIN;
        int said = 0;
        result = stream
            ? ReceivePieces(file, in header, flags, out Endpoints from)
            : ReceiveDatagram(file, in header, flags, out from, out said);
        if (result < 0)
            return result;
        if (stream)
            header.ControlLength = 0;
        else
            said |= (int)DestinationMessages.Write(SocketFile.Of(file), ref header, from);
        header.Flags = said;
        long told = 0;
        if (header.Name.IsNull || stream)
            header.NameLength = 0;
        else
            told = SocketAddress.Answer(SocketFile.Of(file), header.Name, ref header.NameLength, from.RemoteAddress,
                from.RemotePort);
        if (told < 0)
            return told;
        return message.TryPut(header) ? result : Errno.EFAULT;
    }

    private static long ReadMessage(ulong descriptor, UserPointer<MessageHeader> message, out File* file,
        out MessageHeader header, out bool stream)
    {
        header = default;
        stream = false;
        long result = Get(descriptor, out file, out Socket* socket);
        if (result < 0)
            return result;
        stream = socket->Kind == SocketKind.Stream;
        if (!message.TryGet(out header))
            return Errno.EFAULT;
        if (header.NameLength < 0 && !header.Name.IsNull)
            return Errno.EINVAL;
        if (header.VectorCount > MessageHeader.MaxVectors)
            return Errno.EMSGSIZE;
        for (ulong i = 0; i < header.VectorCount; i++)
        {
            result = GetVector(in header, i, out _);
            if (result < 0)
                return result;
        }
        return 0;
    }

    /// <summary>Read anew each time: a sleep may have changed the memory under it. 0, or -EFAULT, -EINVAL.</summary>
    private static long GetVector(in MessageHeader header, ulong index, out UserRange range) =>
        UserVector.Get(header.Vectors.At(index), out range);

    /// <summary>writev(2) and readv(2) of a socket: one send, one receive.</summary>
    internal static long Vectored(File* file, UserPointer<UserVector> vectors, ulong count, bool write)
    {
        MessageHeader header = default;
        header.Vectors = vectors;
        header.VectorCount = count;
        if (write)
            return SocketFile.Of(file)->Kind == SocketKind.Stream
                ? SendPieces(file, in header, 0)
                : SendDatagram(file, in header, 0);
        return SocketFile.Of(file)->Kind == SocketKind.Stream
            ? ReceivePieces(file, in header, 0, out _) : ReceiveDatagram(file, in header, 0, out _, out _);
    }

    /// <summary>A stream's pieces are one send: no segment ends with a piece.</summary>
    private static long SendPieces(File* file, in MessageHeader header, ulong flags)
    {
        long result = 0;
        long total = 0;
        // Held while sleeping: another thread may close the descriptor.
        Files.Hold(file);
        for (ulong i = 0; i < header.VectorCount && result >= 0; i++)
        {
            result = GetVector(in header, i, out UserRange range);
            if (result < 0)
                break;
            Transfer from = Transfer.Of(range);
            if (from.Count == 0 && header.VectorCount > 1)
                continue;
            ulong how = i + 1 < header.VectorCount ? flags | MessageFlags.More : flags;
            result = SendOne(file, ref from, how, header.Name, (uint)header.NameLength);
            total += Math.Max(result, 0);
            if (from.Count > 0)
                break;
        }
        // The last one may have been empty, or not all of it was taken.
        Socket* socket = SocketFile.Of(file);
        if ((flags & MessageFlags.More) == 0 && total > 0 && socket->Handle >= 0)
            Network.Stack->Push(socket->Handle, Clock.Monotonic);
        Files.Release(file);
        return total > 0 ? total : result;
    }

    private static long ReceivePieces(File* file, in MessageHeader header, ulong flags, out Endpoints from)
    {
        from = default;
        long result = 0;
        long total = 0;
        Files.Hold(file);
        for (ulong i = 0; i < header.VectorCount; i++)
        {
            result = GetVector(in header, i, out UserRange range);
            if (result < 0)
                break;
            if (range.Length == 0)
                continue;
            Transfer to = Transfer.Of(range);
            // What is here already is taken; only for the first byte does anybody wait, unless all is wanted.
            ulong how = total > 0 && (flags & MessageFlags.WaitAll) == 0 ? flags | MessageFlags.DontWait : flags;
            result = ReceiveOne(file, ref to, how, out from, (int)total);
            total += Math.Max(result, 0);
            if (result <= 0 || to.Count > 0)
                break;
        }
        Files.Release(file);
        return total > 0 ? total : result;
    }

    private static long SendDatagram(File* file, in MessageHeader header, ulong flags)
    {
        ulong length = 0;
        long error = DestinationMessages.Read(SocketFile.Of(file), in header, out Address local);
        for (ulong i = 0; i < header.VectorCount && error >= 0; i++)
        {
            error = GetVector(in header, i, out UserRange range);
            if (error >= 0 && range.Length > DatagramSockets.MaxDatagram - length)
                error = Errno.EMSGSIZE;
            length += range.Length;
        }
        if (error < 0)
            return error;
        int frames = (int)(length / Frames.Size) + 1;
        ulong room = Frames.AllocateContiguous(frames);
        ulong filled = 0;
        if (room == 0)
            return Errno.ENOBUFS;
        byte* memory = DirectMap.At(room);
        long result = 0;
        for (ulong i = 0; i < header.VectorCount && result >= 0; i++)
        {
            result = GetVector(in header, i, out UserRange range);
            // SAFETY: with what is there already it is no more than there is room for.
            if (result >= 0
                && (range.Length > length - filled
                    || !range.TryRead(new Span<byte>(memory + filled, (int)range.Length))))
                result = Errno.EFAULT;
            filled += range.Length;
        }
        Transfer from = Transfer.Of(memory, filled);
        if (result >= 0)
            result = SendOne(file, ref from, flags, header.Name, (uint)header.NameLength, local);
        for (int i = 0; i < frames; i++)
            Frames.Release(room + (ulong)i * Frames.Size);
        return result;
    }

    private static long ReceiveDatagram(File* file, in MessageHeader header, ulong flags, out Endpoints from,
        out int said)
    {
        said = 0;
        Socket* socket = SocketFile.Of(file);
        Files.Hold(file);
        bool wait = !file->NonBlocking && (flags & MessageFlags.DontWait) == 0;
        long length = DatagramSockets.Await(socket, wait, out from);
        long taken = 0;
        long result = 0;
        for (ulong i = 0; i < header.VectorCount && taken < length && result >= 0 && !socket->ReadShut; i++)
        {
            result = GetVector(in header, i, out UserRange range);
            if (result < 0)
                break;
            Transfer to = Transfer.Of(range);
            result = DatagramSockets.Copy(socket, (int)length, (int)taken, ref to);
            taken += Math.Max(result, 0);
        }
        said = taken < length ? (int)MessageFlags.Truncated : 0;
        if (length >= 0 && !socket->ReadShut && (flags & MessageFlags.Peek) == 0)
            DatagramSockets.Drop(socket);
        Files.Release(file);
        if (length < 0)
            return length;
        if (result < 0)
            return result;
        return (flags & MessageFlags.Truncated) != 0 ? length : taken;
    }
}
