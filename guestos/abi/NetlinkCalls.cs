using System;

namespace Guestos;

/// <summary>System calls on sockets of AF_NETLINK (netlink(7)). Arguments as user mode passed them.</summary>
internal static unsafe class NetlinkCalls
{
    public const uint Family = 16;
    private const uint TypeDatagram = 2;
    private const uint TypeRaw = 3;
    private const uint TypeMask = 0xf;
    private const uint ProtocolRoute = 0;
    private const uint ProtocolSockets = 4;

    /// <summary>struct sockaddr_nl: the family in the first two bytes, a port, groups.</summary>
    public struct NetlinkAddress
    {
        public const int Size = 12;

        public uint Family;
        public uint Port;
        public uint Groups;
    }

    public static long Socket(ulong type, ulong protocol)
    {
        if (!CallFlags.TryMake(type & ~(ulong)TypeMask, OpenFlags.NONBLOCK | OpenFlags.CLOEXEC, out CallFlags flags))
            return Errno.EINVAL;
        if (((uint)type & TypeMask) is not (TypeDatagram or TypeRaw))
            return Errno.ESOCKTNOSUPPORT;
        if ((uint)protocol is not (ProtocolRoute or ProtocolSockets))
            return Errno.EPROTONOSUPPORT;
        uint status = flags.Has(OpenFlags.NONBLOCK) ? OpenFlags.NONBLOCK : 0;
        File* file = NetlinkSocket.Create(status, (uint)protocol == ProtocolSockets);
        if (file == null)
            return Errno.ENFILE;
        long descriptor = FileTable.Install(FileContext.TableOf(Process.Current), file, flags.Has(OpenFlags.CLOEXEC));
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }

    /// <summary>False: it is none.</summary>
    public static bool TryFind(ulong descriptor, out File* file)
    {
        file = Descriptor.FileOf(descriptor);
        return file != null && NetlinkSocket.Is(file);
    }

    public static long Bind(File* file, UserPointer<NetlinkAddress> address, ulong length)
    {
        if ((uint)length < NetlinkAddress.Size)
            return Errno.EINVAL;
        if (!address.TryGet(out NetlinkAddress given))
            return Errno.EFAULT;
        if ((given.Family & 0xffff) != Family)
            return Errno.EINVAL;
        NetlinkSocket.Bind(file, given.Port);
        return 0;
    }

    public static long Getsockname(File* file, UserPointer<byte> address, UserPointer<int> lengthAt)
    {
        if (!lengthAt.TryGet(out int room))
            return Errno.EFAULT;
        if (room < 0)
            return Errno.EINVAL;
        long error = Tell(address, ref room, NetlinkSocket.PortOf(file));
        return error < 0 ? error : lengthAt.Put(room);
    }

    /// <param name="length">What there is room for, then the true length.</param>
    private static long Tell(UserPointer<byte> to, ref int length, uint port)
    {
        var address = new NetlinkAddress { Family = Family, Port = port };
        var whole = new ReadOnlySpan<byte>(&address, NetlinkAddress.Size);
        if (!to.TryPutAll(whole.Slice(0, Math.Clamp(length, 0, NetlinkAddress.Size))))
            return Errno.EFAULT;
        length = NetlinkAddress.Size;
        return 0;
    }

    public static long Sendto(File* file, ulong buffer, ulong length)
    {
        if (!UserRange.TryMake(buffer, length, out UserRange range))
            return Errno.EFAULT;
        VectoredTransfer from = VectoredTransfer.Of(Transfer.Of(range));
        return Send(file, ref from);
    }

    public static long Sendmsg(File* file, UserPointer<MessageHeader> message)
    {
        long error = Take(message, out _, out VectoredTransfer from);
        return error < 0 ? error : Send(file, ref from);
    }

    private static long Take(UserPointer<MessageHeader> message, out MessageHeader header, out VectoredTransfer pieces)
    {
        pieces = default;
        if (!message.TryGet(out header))
            return Errno.EFAULT;
        if (header.VectorCount > MessageHeader.MaxVectors)
            return Errno.EMSGSIZE;
        return VectoredTransfer.Make(header.Vectors, header.VectorCount, out pieces);
    }

    private static long Send(File* file, ref VectoredTransfer from)
    {
        const int maxMessage = 2048;
        if (from.Count > maxMessage)
            return Errno.EMSGSIZE;
        Span<byte> message = stackalloc byte[maxMessage];
        message = message.Slice(0, (int)from.Count);
        if (!from.TryRead(message))
            return Errno.EFAULT;
        NetlinkSocket.Ask(file, message);
        return message.Length;
    }

    public static long Recvfrom(File* file, ulong buffer, ulong length, ulong flags, UserPointer<byte> address,
        UserPointer<int> lengthAt)
    {
        if (!UserRange.TryMake(buffer, length, out UserRange range))
            return Errno.EFAULT;
        VectoredTransfer to = VectoredTransfer.Of(Transfer.Of(range));
        long result = Receive(file, ref to, flags, out _);
        if (result < 0 || address.IsNull)
            return result;
        if (!lengthAt.TryGet(out int room))
            return Errno.EFAULT;
        long error = Tell(address, ref room, 0);
        if (error == 0)
            error = lengthAt.Put(room);
        return error < 0 ? error : result;
    }

    public static long Recvmsg(File* file, UserPointer<MessageHeader> message, ulong flags)
    {
        bool truncated = false;
        long result = Take(message, out MessageHeader header, out VectoredTransfer to);
        if (result == 0)
            result = Receive(file, ref to, flags, out truncated);
        if (result < 0)
            return result;
        header.Flags = truncated ? (int)MessageFlags.Truncated : 0;
        header.ControlLength = 0;
        long error = 0;
        if (!header.Name.IsNull)
            error = Tell(header.Name, ref header.NameLength, 0);
        if (error == 0)
            error = message.Put(header);
        return error < 0 ? error : result;
    }

    private static long Receive(File* file, ref VectoredTransfer to, ulong flags, out bool truncated)
    {
        truncated = false;
        Span<byte> answer = stackalloc byte[NetlinkAnswer.MaxLength];
        bool wait = !file->NonBlocking && (flags & MessageFlags.DontWait) == 0;
        Files.Hold(file);
        long length = NetlinkSocket.Receive(file, wait, (flags & MessageFlags.Peek) != 0, answer);
        Files.Release(file);
        if (length < 0)
            return length;
        int count = (int)Math.Min(to.Count, (ulong)length);
        truncated = count < length;
        if (!to.TryWrite(answer.Slice(0, count)))
            return Errno.EFAULT;
        return (flags & MessageFlags.Truncated) != 0 ? length : count;
    }
}
