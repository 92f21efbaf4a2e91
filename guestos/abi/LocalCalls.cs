using System;

namespace Guestos;

/// <summary>System calls on local sockets (AF_UNIX, unix(7)). Arguments as user mode passed them.</summary>
public static unsafe partial class LocalCalls
{
    public const uint Family = 1;
    private const uint FamilyUnspecified = 0;
    private const uint TypeRaw = 3;
    private const uint TypeMask = 0xf;
    private const uint FlagNonBlocking = 0x800;
    private const uint FlagCloseOnExec = 0x80000;

    /// <summary>struct sockaddr_storage: longer addresses are EINVAL.</summary>
    private const int MaxAddress = 128;
    private const int FamilyLength = 2;
    private const int MaxPathGiven = 108;

    public static long Socket(ulong type, ulong protocol)
    {
        long error = KindOf(type, protocol, out LocalKind kind, out CallFlags flags);
        if (error < 0)
            return error;
        LocalSocket* socket = LocalSocket.Create(kind);
        return socket == null ? Errno.ENFILE : Install(socket, flags);
    }

    private static long KindOf(ulong type, ulong protocol, out LocalKind kind, out CallFlags flags)
    {
        uint number = (uint)type & TypeMask;
        kind = number == TypeRaw ? LocalKind.Datagram : (LocalKind)number;
        if (!CallFlags.TryMake(type & ~(ulong)TypeMask, FlagNonBlocking | FlagCloseOnExec, out flags))
            return Errno.EINVAL;
        if ((uint)protocol is not (0 or Family))
            return Errno.EPROTONOSUPPORT;
        return kind is LocalKind.Stream or LocalKind.Datagram or LocalKind.Sequenced ? 0 : Errno.ESOCKTNOSUPPORT;
    }

    /// <summary>A descriptor for a new socket, which is closed when there is none: EMFILE, ENFILE.</summary>
    private static long Install(LocalSocket* socket, CallFlags flags)
    {
        File* file = LocalSocketFile.Open(socket, flags.Has(FlagNonBlocking) ? OpenFlags.NONBLOCK : 0);
        if (file == null)
        {
            LocalSocket.Close(socket);
            return Errno.ENFILE;
        }

        long descriptor = FileTable.Install(FileContext.TableOf(Process.Current), file, flags.Has(FlagCloseOnExec));
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }

    public static long Socketpair(ulong type, ulong protocol, UserPointer<int> descriptors)
    {
        long error = KindOf(type, protocol, out LocalKind kind, out CallFlags flags);
        if (error < 0)
            return error;
        LocalSocket* one = LocalSocket.Create(kind);
        LocalSocket* other = one != null ? LocalSocket.Create(kind) : null;
        if (other == null)
        {
            if (one != null)
                LocalSocket.Close(one);
            return Errno.ENFILE;
        }

        LocalConnections.Join(one, other);
        long first = Install(one, flags);
        if (first < 0)
        {
            LocalSocket.Close(other);
            return first;
        }

        FileTable* table = FileContext.TableOf(Process.Current);
        long second = Install(other, flags);
        if (second >= 0 && descriptors.TryPut((int)first) && descriptors.At(1).TryPut((int)second))
            return 0;
        FileTable.Close(table, (int)first);
        if (second < 0)
            return second;
        FileTable.Close(table, (int)second);
        return Errno.EFAULT;
    }

    /// <summary>
    /// Takes a struct sockaddr_un. 0, or EFAULT, EINVAL: it is none. An empty one, which says the family and no more,
    /// has the length 0.
    /// </summary>
    private static long ReadAddress(UserPointer<byte> from, ulong length, out LocalAddress address, out uint family)
    {
        address = default;
        family = FamilyUnspecified;
        Span<byte> whole = stackalloc byte[MaxAddress];
        if ((uint)length > MaxAddress || (uint)length < FamilyLength)
            return Errno.EINVAL;
        whole = whole.Slice(0, (int)length);
        if (!from.TryGetAll(whole))
            return Errno.EFAULT;
        family = (uint)(whole[0] | whole[1] << 8);
        if (family != Family)
            return 0;
        ReadOnlySpan<byte> path = whole.Slice(FamilyLength);
        if (path.Length > MaxPathGiven)
            return Errno.EINVAL;
        address.Length = path.Length;
        for (int i = 0; i < path.Length; i++)
            address.Path[i] = path[i];
        if (path.IsEmpty || path[0] == 0)
            return 0;
        int end = path.IndexOf((byte)0);
        address.Length = (end < 0 ? path.Length : end) + 1;
        for (int i = address.Length; i < LocalAddress.MaxPath; i++)
            address.Path[i] = 0;
        return 0;
    }

    public static long Bind(ulong descriptor, UserPointer<byte> address, ulong length)
    {
        long error = Get(descriptor, out File* file, out LocalSocket* socket);
        if (error < 0)
            return error;
        error = ReadAddress(address, length, out LocalAddress name, out uint family);
        if (error < 0)
            return error;
        if (family != Family)
            return Errno.EINVAL;
        Files.Hold(file);
        error = name.Length == 0 ? LocalNames.BindToAny(socket) : LocalNames.Bind(socket, ref name);
        Files.Release(file);
        return error;
    }

    public static long Listen(ulong descriptor, ulong backlog)
    {
        const uint maxBacklog = 4096;
        long error = Get(descriptor, out _, out LocalSocket* socket);
        return error < 0 ? error : LocalConnections.Listen(socket, (int)Math.Min((uint)backlog, maxBacklog));
    }

    public static long Connect(ulong descriptor, UserPointer<byte> address, ulong length)
    {
        long error = Get(descriptor, out File* file, out LocalSocket* socket);
        if (error < 0)
            return error;
        error = ReadAddress(address, length, out LocalAddress name, out uint family);
        if (error < 0)
            return error;
        if (family == FamilyUnspecified && socket->Kind == LocalKind.Datagram)
        {
            LocalDatagrams.Disconnect(socket);
            return 0;
        }

        if (family != Family || name.Length == 0)
            return Errno.EINVAL;
        Files.Hold(file);
        error = socket->PassesCredentials ? LocalNames.BindToAny(socket) : 0;
        if (error == 0)
            error = socket->Kind == LocalKind.Datagram
                ? LocalDatagrams.Connect(socket, ref name)
                : LocalConnections.Connect(socket, ref name, !file->NonBlocking);
        Files.Release(file);
        return error;
    }

    public static long Accept4(ulong descriptor, UserPointer<byte> address, UserPointer<int> lengthAt, ulong flags)
    {
        if (!CallFlags.TryMake(flags, FlagNonBlocking | FlagCloseOnExec, out CallFlags how))
            return Errno.EINVAL;
        long error = Get(descriptor, out File* file, out LocalSocket* socket);
        if (error < 0)
            return error;
        if (socket->Kind == LocalKind.Datagram)
            return Errno.EOPNOTSUPP;
        Files.Hold(file);
        error = LocalConnections.Await(socket, !file->NonBlocking);
        if (error == 0)
            error = Accept(socket, address, lengthAt, how);
        Files.Release(file);
        return error;
    }

    /// <summary>There is a connection to be accepted. It stays when there is no descriptor for it.</summary>
    private static long Accept(LocalSocket* listener, UserPointer<byte> address, UserPointer<int> lengthAt,
        CallFlags flags)
    {
        LocalSocket* accepted = listener->FirstPending;
        File* file = LocalSocketFile.Open(accepted, flags.Has(FlagNonBlocking) ? OpenFlags.NONBLOCK : 0);
        if (file == null)
            return Errno.ENFILE;
        FileTable* table = FileContext.TableOf(Process.Current);
        long descriptor = FileTable.Install(table, file, flags.Has(FlagCloseOnExec));
        if (descriptor < 0)
        {
            accepted->File = null;
            Files.Forget(file);
            return descriptor;
        }

        LocalConnections.Take(listener);
        long told = address.IsNull ? 0 : Answer(NameOf(accepted->Peer), address, lengthAt);
        if (told == 0)
            return descriptor;
        FileTable.Close(table, (int)descriptor);
        return told;
    }

    public static long Shutdown(ulong descriptor, ulong how)
    {
        const uint receive = 0;
        const uint send = 1;
        const uint both = 2;
        long error = Get(descriptor, out _, out LocalSocket* socket);
        if (error < 0)
            return error;
        if ((uint)how > both)
            return Errno.EINVAL;
        LocalConnections.Shutdown(socket, receive: (uint)how != send, send: (uint)how != receive);
        return 0;
    }

    public static long Getsockname(ulong descriptor, UserPointer<byte> address, UserPointer<int> lengthAt)
    {
        long error = Get(descriptor, out _, out LocalSocket* socket);
        return error < 0 ? error : Answer(socket->Name, address, lengthAt);
    }

    public static long Getpeername(ulong descriptor, UserPointer<byte> address, UserPointer<int> lengthAt)
    {
        long error = Get(descriptor, out _, out LocalSocket* socket);
        if (error < 0)
            return error;
        return socket->Peer == null ? Errno.ENOTCONN : Answer(socket->Peer->Name, address, lengthAt);
    }

    private static LocalName* NameOf(LocalSocket* socket) => socket != null ? socket->Name : null;

    /// <summary>Tells a name by value-result length; null: the family alone.</summary>
    private static long Answer(LocalName* name, UserPointer<byte> to, UserPointer<int> lengthAt)
    {
        if (!lengthAt.TryGet(out int room))
            return Errno.EFAULT;
        long error = Put(name, to, ref room);
        return error < 0 ? error : lengthAt.Put(room);
    }

    /// <param name="length">What there is room for, then the true length.</param>
    private static long Put(LocalName* name, UserPointer<byte> to, ref int length)
    {
        if (length < 0)
            return Errno.EINVAL;
        Span<byte> whole = stackalloc byte[FamilyLength + LocalAddress.MaxPath];
        whole[0] = (byte)Family;
        whole[1] = 0;
        int count = FamilyLength;
        for (int i = 0; name != null && i < name->Address.Length; i++)
        {
            whole[count] = name->Address.Path[i];
            count++;
        }

        if (!to.TryPutAll(whole.Slice(0, Math.Min(length, count))))
            return Errno.EFAULT;
        length = count;
        return 0;
    }

    private static long Get(ulong descriptor, out File* file, out LocalSocket* socket)
    {
        socket = null;
        file = Descriptor.FileOf(descriptor);
        if (file == null || file->IsPath)
            return Errno.EBADF;
        socket = LocalSocketFile.TryOf(file);
        return socket == null ? Errno.ENOTSOCK : 0;
    }
}
