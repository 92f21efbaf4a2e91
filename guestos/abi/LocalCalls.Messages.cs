using System;

namespace Guestos;

/// <summary>send(2), recv(2) and their relatives on local sockets.</summary>
public static unsafe partial class LocalCalls
{
    public static long Sendto(ulong descriptor, ulong buffer, ulong length, ulong flags, UserPointer<byte> address,
        ulong addressLength)
    {
        long error = Get(descriptor, out File* file, out _);
        if (error < 0)
            return error;
        if (!UserRange.TryMake(buffer, length, out UserRange range))
            return Errno.EFAULT;
        VectoredTransfer from = VectoredTransfer.Of(Transfer.Of(range));
        LocalSending how = default;
        return Send(file, ref from, ref how, flags, address, address.IsNull ? 0 : addressLength);
    }

    public static long Sendmsg(ulong descriptor, UserPointer<MessageHeader> message, ulong flags)
    {
        long error = ReadMessage(descriptor, message, out File* file, out MessageHeader header,
            out VectoredTransfer from);
        if (error < 0)
            return error;
        LocalSending how = default;
        error = ControlMessages.Read(header, ref how);
        if (error == 0)
            error = Send(file, ref from, ref how, flags, header.Name, (uint)header.NameLength);
        PassedFiles.Discard(how.Files);
        return error;
    }

    private static long ReadMessage(ulong descriptor, UserPointer<MessageHeader> message, out File* file,
        out MessageHeader header, out VectoredTransfer pieces)
    {
        header = default;
        pieces = default;
        long error = Get(descriptor, out file, out _);
        if (error < 0)
            return error;
        if (!message.TryGet(out header))
            return Errno.EFAULT;
        if (header.NameLength < 0)
            return Errno.EINVAL;
        if (header.Name.IsNull)
            header.NameLength = 0;
        if (header.VectorCount > MessageHeader.MaxVectors)
            return Errno.EMSGSIZE;
        return VectoredTransfer.Make(header.Vectors, header.VectorCount, out pieces);
    }

    /// <summary>Finds the receiver, if one is named, and sends.</summary>
    private static long Send(File* file, ref VectoredTransfer from, ref LocalSending how, ulong flags,
        UserPointer<byte> address, ulong addressLength)
    {
        LocalSocket* socket = LocalSocketFile.Of(file);
        how.Wait = !file->NonBlocking && (flags & MessageFlags.DontWait) == 0;
        how.Signals = (flags & MessageFlags.NoSignal) == 0;
        if ((flags & MessageFlags.OutOfBand) != 0)
            return Errno.EOPNOTSUPP;
        bool named = (uint)addressLength != 0 && socket->Kind != LocalKind.Sequenced;
        if (named && socket->Kind == LocalKind.Stream)
            return socket->State == LocalState.Connected ? Errno.EISCONN : Errno.EOPNOTSUPP;
        Files.Hold(file);
        LocalSocket* target = null;
        long result = named ? FindReceiver(socket, address, addressLength, out target) : 0;
        if (result == 0 && socket->PassesCredentials && socket->Kind != LocalKind.Stream)
            result = LocalNames.BindToAny(socket);
        if (result == 0)
            result = LocalSocketFile.Send(socket, target, ref from, ref how);
        LocalSocket.Release(target);
        Files.Release(file);
        return result;
    }

    private static long FindReceiver(LocalSocket* socket, UserPointer<byte> address, ulong length,
        out LocalSocket* target)
    {
        target = null;
        long error = ReadAddress(address, length, out LocalAddress name, out uint family);
        if (error < 0)
            return error;
        return family != Family || name.Length == 0
            ? Errno.EINVAL
            : LocalNames.Find(ref name, socket->Kind, out target);
    }

    public static long Recvfrom(ulong descriptor, ulong buffer, ulong length, ulong flags, UserPointer<byte> address,
        UserPointer<int> lengthAt)
    {
        long result = Get(descriptor, out File* file, out _);
        if (result < 0)
            return result;
        if (!UserRange.TryMake(buffer, length, out UserRange range))
            return Errno.EFAULT;
        VectoredTransfer to = VectoredTransfer.Of(Transfer.Of(range));
        LocalReceipt receipt = default;
        result = Receive(file, ref to, ref receipt, flags);
        if (result >= 0 && !address.IsNull)
        {
            long told = AnswerSender(receipt.From, address, lengthAt);
            result = told < 0 ? told : result;
        }

        receipt.Drop();
        return result;
    }

    /// <summary>A sender without a name has the length 0.</summary>
    private static long AnswerSender(LocalName* from, UserPointer<byte> address, UserPointer<int> lengthAt)
    {
        if (from != null)
            return Answer(from, address, lengthAt);
        if (!lengthAt.TryGet(out int room))
            return Errno.EFAULT;
        return room < 0 ? Errno.EINVAL : lengthAt.Put(0);
    }

    public static long Recvmsg(ulong descriptor, UserPointer<MessageHeader> message, ulong flags)
    {
        long result = ReadMessage(descriptor, message, out File* file, out MessageHeader header,
            out VectoredTransfer to);
        if (result < 0)
            return result;
        LocalReceipt receipt = default;
        Files.Hold(file);
        result = Receive(file, ref to, ref receipt, flags);
        if (result >= 0)
        {
            long told = AnswerMessage(LocalSocketFile.Of(file), message, header, receipt, flags);
            result = told < 0 ? told : result;
        }

        receipt.Drop();
        Files.Release(file);
        return result;
    }

    private static long AnswerMessage(LocalSocket* socket, UserPointer<MessageHeader> message, MessageHeader header,
        in LocalReceipt receipt, ulong flags)
    {
        bool closeOnExec = (flags & MessageFlags.CloseOnExec) != 0;
        uint said = receipt.Truncated ? MessageFlags.Truncated : 0;
        said |= ControlMessages.Write(socket, ref header, receipt, closeOnExec);
        if (closeOnExec)
            said |= MessageFlags.CloseOnExec;
        header.Flags = (int)said;
        long told = 0;
        if (header.Name.IsNull || receipt.From == null)
            header.NameLength = 0;
        else
            told = Put(receipt.From, header.Name, ref header.NameLength);
        if (told < 0)
            return told;
        return message.Put(header);
    }

    private static long Receive(File* file, ref VectoredTransfer to, ref LocalReceipt receipt, ulong flags)
    {
        receipt.Wait = !file->NonBlocking && (flags & MessageFlags.DontWait) == 0;
        receipt.Peek = (flags & MessageFlags.Peek) != 0;
        receipt.All = (flags & MessageFlags.WaitAll) != 0;
        receipt.TellsLength = (flags & MessageFlags.Truncated) != 0;
        if ((flags & MessageFlags.OutOfBand) != 0)
            return LocalSocketFile.Of(file)->Kind == LocalKind.Stream ? Errno.EINVAL : Errno.EOPNOTSUPP;
        Files.Hold(file);
        long result = LocalSocketFile.Receive(LocalSocketFile.Of(file), ref to, ref receipt);
        Files.Release(file);
        return result;
    }

    /// <summary>writev(2) and readv(2): one send, one receive.</summary>
    internal static long Vectored(File* file, UserPointer<UserVector> vectors, ulong count, bool write)
    {
        long error = VectoredTransfer.Make(vectors, count, out VectoredTransfer pieces);
        if (error < 0)
            return error;
        if (write)
        {
            LocalSending how = default;
            return Send(file, ref pieces, ref how, 0, 0, 0);
        }

        if (pieces.Count == 0)
            return 0;
        LocalReceipt receipt = default;
        long result = Receive(file, ref pieces, ref receipt, 0);
        receipt.Drop();
        return result;
    }
}
