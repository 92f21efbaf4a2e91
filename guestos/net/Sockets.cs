using System;
using Netstack;

namespace Guestos;

/// <summary>
/// net: the network device, and sockets on top of the stack (netstack), which holds the protocols' state.
/// <para>Guarantees: no call blocks but where it says so; a byte that the stack has taken is sent or the socket has an
/// error; frames that are refused are counted.</para>
/// <para>Who may call: abi and fs (<see cref="SocketFile"/>), in process context. The device's interrupt handler runs
/// the stack, which reports changes through <see cref="Changed"/>: nothing called from there sleeps.</para>
/// <para>Locks: none. The kernel is not preempted, and whoever sleeps looks at the socket again afterwards.</para>
/// This file: all sockets, and sleeping on them. Calls return a value or −errno.
/// </summary>
internal static unsafe class Sockets
{
    /// <summary>All sockets, the newest first.</summary>
    private static Socket* s_all;

    /// <summary>The first of all, for who looks at each.</summary>
    public static Socket* First => s_all;

    /// <summary>A socket that the stack knows nothing of yet; null without memory.</summary>
    public static Socket* Allocate(SocketKind kind, ushort family)
    {
        const byte want = 1;
        const short byDefault = -1;
        Socket* socket = Objects.Allocate<Socket>();
        if (socket == null)
            return null;
        socket->Kind = kind;
        socket->Family = family;
        socket->LocalAddress = socket->Wildcard;
        socket->PathMtu = want;
        socket->PathMtu6 = want;
        socket->LoopsMulticast6 = true;
        socket->UnicastHops6 = byDefault;
        socket->MulticastHops6 = byDefault;
        socket->Handle = -1;
        socket->UserId = FileRights.CurrentUser;
        socket->Next = s_all;
        if (s_all != null)
            s_all->Previous = socket;
        s_all = socket;
        return socket;
    }

    public static void Free(Socket* socket)
    {
        Leave(socket, socket->LingerOn && socket->LingerSeconds == 0);
        if (socket->Previous != null)
            socket->Previous->Next = socket->Next;
        else
            s_all = socket->Next;
        if (socket->Next != null)
            socket->Next->Previous = socket->Previous;
        Objects.Free(socket);
    }

    /// <summary>
    /// Gives the stack's handle up, if there is one; what the connection has not sent is lost if <paramref
    /// name="abort"/>.
    /// </summary>
    public static void Leave(Socket* socket, bool abort = false)
    {
        int handle = socket->Handle;
        if (handle < 0)
            return;
        SocketTable.Detach(socket);
        if (abort)
            Network.Stack->Abort(handle, Clock.Monotonic);
        else
            Network.Stack->Close(handle, Clock.Monotonic);
    }

    /// <summary>
    /// Whether another TCP socket is in the way of binding this one (Linux, inet_csk_bind_conflict): same port,
    /// addresses that overlap, unless both set SO_REUSEADDR and the other does not listen, or both SO_REUSEPORT and
    /// have one user.
    /// </summary>
    public static bool IsPortTaken(Socket* socket, Address address, ushort port)
    {
        for (Socket* other = s_all; other != null; other = other->Next)
        {
            if (other != socket && other->Kind == SocketKind.Stream && other->Bound && other->LocalPort == port
                && Address.Overlap(other->LocalAddress, other->Only6, address, socket->Only6)
                && !(socket->ReuseAddress && other->ReuseAddress && !other->Listening)
                && (socket->Sharers == 0 || socket->Sharers != other->Sharers))
                return true;
        }
        return Network.Stack->IsPortTaken(address, socket->Only6, port,
            socket->ReuseAddress || socket->ReusePort, socket->Sharers);
    }

    /// <summary>
    /// The stack says that something about a handle has changed, and what may hold now; None: its state.
    /// </summary>
    public static void Changed(int handle, Netstack.Readiness what)
    {
        Socket* socket = SocketTable.Find(handle);
        if (socket == null)
            return;
        uint events = what switch
        {
            Netstack.Readiness.Readable or Netstack.Readiness.Acceptable => PollEvents.Readable,
            Netstack.Readiness.Writable => socket->WantsRoom
                ? PollEvents.Writable | PollEvents.Moved
                : PollEvents.Moved,
            _ => PollEvents.All,
        };
        Readiness.Changed(&socket->Queue, events);
    }

    /// <summary>Everything may have changed: the machine did.</summary>
    public static void WakeAll()
    {
        for (Socket* socket = s_all; socket != null; socket = socket->Next)
            Readiness.Changed(&socket->Queue, PollEvents.All);
    }

    /// <summary>
    /// Sleeps until one of the events may hold of the socket, or its state changes. 0, or -EAGAIN at the deadline, or
    /// -EINTR.
    /// </summary>
    public static long Wait(Socket* socket, uint events, ulong deadline) =>
        Readiness.Wait(&socket->Queue, events, deadline) switch
        {
            WaitResult.Woken => 0,
            WaitResult.TimedOut => Errno.EAGAIN,
            _ => Signals.Interrupted(deadline),
        };

    public static ulong Deadline(ulong timeout) => timeout == 0 ? ulong.MaxValue : Clock.Monotonic + timeout;

    /// <summary>The stack's errors as Linux numbers them.</summary>
    public static long ErrnoOf(int error) => error switch
    {
        >= 0 => error,
        SocketError.WouldBlock => Errno.EAGAIN,
        SocketError.BadSocket => Errno.ENOTCONN,
        SocketError.Invalid => Errno.EINVAL,
        SocketError.NoRoom => Errno.ENOBUFS,
        SocketError.AddressInUse => Errno.EADDRINUSE,
        SocketError.AddressNotAvailable => Errno.EADDRNOTAVAIL,
        SocketError.NotConnected => Errno.ENOTCONN,
        SocketError.Refused => Errno.ECONNREFUSED,
        SocketError.Reset => Errno.ECONNRESET,
        SocketError.TimedOut => Errno.ETIMEDOUT,
        SocketError.HostUnreachable => Errno.EHOSTUNREACH,
        SocketError.NetworkUnreachable => Errno.ENETUNREACH,
        SocketError.ShutDown => Errno.EPIPE,
        SocketError.MessageTooLong => Errno.EMSGSIZE,
        SocketError.Aborted => Errno.ECONNABORTED,
        _ => Errno.EIO,
    };

    // ---- streams ----

    /// <summary>How a receive goes about it (recv(2)).</summary>
    [Flags]
    public enum ReceiveFlags
    {
        None = 0,
        Wait = 1,

        /// <summary>What is read stays.</summary>
        Peek = 2,

        /// <summary>
        /// Stream: what is read is thrown away instead of copied. Datagram: its whole length is the answer.
        /// </summary>
        Truncate = 4,

        /// <summary>Stream: until the buffer is full or the stream ends.</summary>
        All = 8,
    }

    /// <summary>Receives what is there, after waiting for it if told to. 0 is the end of the stream.</summary>
    /// <param name="skip">When peeking: so much of what is there is passed over.</param>
    public static long Receive(Socket* socket, ref Transfer to, ReceiveFlags flags, int skip = 0)
    {
        if (socket->Handle < 0 || socket->Listening)
            return Errno.ENOTCONN;
        bool peek = (flags & ReceiveFlags.Peek) != 0;
        bool all = (flags & ReceiveFlags.All) != 0;
        bool wait = (flags & ReceiveFlags.Wait) != 0;
        ulong deadline = Deadline(socket->ReceiveTimeout);
        long total = 0;
        while (to.Count > 0 && !socket->ReadShut)
        {
            int there = Network.Stack->Available(socket->Handle);
            if (there > 0 && !(peek && all && wait && MayStillCome(socket, there, skip, to.Count)))
            {
                long got = Take(socket, ref to, there, flags, skip);
                total += Math.Max(got, 0);
                if (got <= 0 || peek || !all)
                    return total > 0 ? total : got;
                continue;
            }
            if (there <= 0 && there != SocketError.WouldBlock)
            {
                if (total > 0)
                    return total;
                return there == SocketError.BadSocket ? 0 : ErrnoOf(there);
            }
            if (!wait)
                return total > 0 ? total : Errno.EAGAIN;
            long result = Wait(socket, PollEvents.Readable, deadline);
            if (result < 0)
                return total > 0 ? total : result;
        }
        return total;
    }

    /// <summary>
    /// With MSG_PEEK and MSG_WAITALL: whether more of the wanted bytes can still arrive. The ring bounds how many there
    /// can be at once, and nothing comes behind the stream's end.
    /// </summary>
    private static bool MayStillCome(Socket* socket, int there, int skip, ulong wanted) =>
        there < RingPool.Size && (ulong)Math.Max(there - skip, 0) < wanted
        && (Network.Stack->GetReadiness(socket->Handle)
            & (Netstack.Readiness.PeerClosed | Netstack.Readiness.HangUp)) == 0;

    /// <summary>Only so much of the buffer is touched as there are bytes for.</summary>
    private static long Take(Socket* socket, ref Transfer to, int there, ReceiveFlags flags, int skip)
    {
        bool peek = (flags & ReceiveFlags.Peek) != 0;
        ulong length = Math.Min(to.Count, (ulong)Math.Max(peek ? there - skip : there, 0));
        if (length == 0)
            return 0;
        if ((flags & ReceiveFlags.Truncate) != 0)
        {
            if (!peek)
                Network.Stack->Consume(socket->Handle, (int)length, Clock.Monotonic);
            to.Advance(length);
            return (long)length;
        }
        Span<byte> into = to.Fill(length);
        if (into.IsEmpty)
            return Errno.EFAULT;
        int got = peek
            ? Network.Stack->CopyReceived(socket->Handle, skip, into)
            : Network.Stack->Receive(socket->Handle, into, Clock.Monotonic);
        if (got < 0)
            return ErrnoOf(got);
        to.Advance((ulong)got);
        return got;
    }

    /// <summary>Bytes that one turn hands over: what a device takes as one frame.</summary>
    private const ulong MaxAtOnce = 64 * 1024;

    /// <summary>Queues all bytes, waiting for room, or what fits now.</summary>
    /// <param name="more">More follows: less than a segment waits for it (MSG_MORE).</param>
    public static long Send(Socket* socket, ref Transfer from, bool wait, bool signal = true, bool more = false)
    {
        // Without a connection there is nobody to read (Linux, sk_stream_wait_connect).
        if (socket->Handle < 0 || socket->Listening)
            return BrokenPipe(signal);
        ulong deadline = Deadline(socket->SendTimeout);
        long sent = 0;
        while (from.Count > 0)
        {
            ReadOnlySpan<byte> bytes = from.Take(MaxAtOnce);
            if (bytes.IsEmpty)
                return sent > 0 ? sent : Errno.EFAULT;
            int taken = Network.Stack->Send(socket->Handle, bytes, Clock.Monotonic, more
                || (ulong)bytes.Length < from.Count);
            if (taken > 0)
            {
                from.Advance((ulong)taken);
                sent += taken;
                continue;
            }
            if (taken is not (SocketError.WouldBlock or SocketError.NoRoom))
            {
                if (sent > 0)
                    return sent;
                return taken is SocketError.ShutDown or SocketError.BadSocket ? BrokenPipe(signal) : ErrnoOf(taken);
            }
            socket->WantsRoom = true;
            if (!wait)
                return sent > 0 ? sent : Errno.EAGAIN;
            long result = Wait(socket, PollEvents.Writable | PollEvents.Moved, deadline);
            if (result < 0)
                return sent > 0 ? sent : result;
        }
        return sent;
    }

    private static long BrokenPipe(bool signal)
    {
        if (signal)
            Signals.Send(Process.Current, Signal.Pipe);
        return Errno.EPIPE;
    }

    /// <summary>
    /// Sleeps until something changes about the connection with this stack handle, until its SO_SNDTIMEO (10 s when
    /// there is none) has passed since <paramref name="since"/>: 0, or −errno. Used by the checkpoint device.
    /// </summary>
    public static long WaitChange(int handle, ulong since)
    {
        Socket* socket = SocketTable.Find(handle);
        if (socket == null)
            return Errno.ENOTCONN;
        ulong deadline = since + (socket->SendTimeout != 0 ? socket->SendTimeout : 10_000_000_000);
        // A peer that acknowledges probes of its closed window changes something again and again.
        if (Clock.Monotonic >= deadline)
            return Errno.ETIMEDOUT;
        long result = Wait(socket, PollEvents.All, deadline);
        return result == Errno.EAGAIN ? Errno.ETIMEDOUT : result;
    }

    /// <summary>Sleeps until the peer has everything that was sent on the connection: 0, or −errno.</summary>
    /// <param name="corked">It is filled by the kernel, which corks it.</param>
    public static long WaitAcknowledged(int handle, bool corked)
    {
        // What was held back to fill a segment would wait for ever.
        Network.Stack->Cork(handle, false, Clock.Monotonic);
        long result = 0;
        int left = Network.Stack->UnacknowledgedBytes(handle);
        int before = int.MaxValue;
        ulong progress = 0;
        while (left > 0 && result >= 0)
        {
            if (left < before)
                progress = Clock.Monotonic;
            before = left;
            result = WaitChange(handle, progress);
            left = Network.Stack->UnacknowledgedBytes(handle);
        }
        if (corked)
            Network.Stack->Cork(handle, true, Clock.Monotonic);
        return left < 0 ? ErrnoOf(left) : result;
    }

    // ---- readiness ----

    public static uint Poll(Socket* socket)
    {
        if (socket->Handle < 0)
            return socket->Kind == SocketKind.Stream ? PollEvents.HangUp | PollEvents.Out : PollEvents.Out;
        Netstack.Readiness ready = Network.Stack->GetReadiness(socket->Handle);
        uint events = 0;
        if ((ready & (Netstack.Readiness.Readable | Netstack.Readiness.Acceptable)) != 0)
            events |= PollEvents.In | PollEvents.ReadNormal;
        socket->WantsRoom = (ready & Netstack.Readiness.Writable) == 0;
        if (!socket->WantsRoom)
            events |= PollEvents.Writable;
        if ((ready & Netstack.Readiness.PeerClosed) != 0 || socket->ReadShut)
            events |= PollEvents.PeerClosed | PollEvents.In | PollEvents.ReadNormal;
        if ((ready & Netstack.Readiness.HangUp) != 0)
            events |= PollEvents.HangUp | PollEvents.In;
        if ((ready & Netstack.Readiness.Error) != 0)
            events |= PollEvents.Error | PollEvents.In | PollEvents.Out;
        return events;
    }
}
