using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Migrate;

/// <summary>
/// The empty machine that the guest moves to: its <c>cstrap</c>, then the checkpoint loader that it was given. It
/// proves that it has its key before the first byte of the guest is sent, and only who has the key can read what
/// follows (docs/protocols.md, "Secure channel").
/// </summary>
internal unsafe struct Destination
{
    /// <summary>Milliseconds: how long the rest of an answer may take once COMMIT has been sent.</summary>
    private const int LastPatience = 5000;

    private int patience;
    private uint address;
    private ushort port;
    private fixed byte machineKey[MachineKey.Size];
    private bool isPlain;

    /// <summary>MSG_MORE of send(2).</summary>
    private const int MessageFollows = 0x8000;

    /// <summary>Nothing more is to be expected of the connection.</summary>
    private bool isBroken;

    private SecureChannel channel;

    /// <summary>The channel before the last COMMIT was made, for <see cref="TakeBack"/>.</summary>
    private SecureChannel uncommitted;

    /// <summary>
    /// Records in the making: in memory of their own, since what is written after the fork has to be sent once more.
    /// </summary>
    private byte* outgoing;
    private byte* incoming;

    /// <summary>Where records are made and read: whole pages, of nothing else.</summary>
    public readonly byte* Buffers => outgoing;

    public const ulong BuffersSize = (2UL * SecureChannel.MaxRecord + PageSize - 1) & ~(PageSize - 1);

    private const ulong PageSize = 4096;

    /// <summary>Text of the last record that nobody has taken yet.</summary>
    private int at;
    private int end;

    public int Socket;

    /// <summary>How long its silence is borne.</summary>
    public readonly ulong Patience => (ulong)patience * 1_000_000;

    public readonly bool IsPlain => isPlain;

    /// <summary>
    /// Connects, for a few seconds if need be, since the machine may be starting, and lets it prove who it is.
    /// </summary>
    public static ExitCode Connect(in Options options, ReadOnlySpan<byte> key, out Destination destination)
    {
        destination = default;
        destination.patience = options.Patience;
        destination.outgoing = Host.Allocate((nint)BuffersSize);
        destination.address = options.Address;
        destination.port = options.Port;
        fixed (byte* kept = destination.machineKey)
            key.Slice(0, MachineKey.Size).CopyTo(new Span<byte>(kept, MachineKey.Size));
        if (destination.outgoing == null)
            return Failure.Say(ExitCode.NoConnection, "there is no memory for it"u8);
        destination.incoming = destination.outgoing + SecureChannel.MaxRecord;
        ulong end = Timing.Now() + 5 * Timing.NanosecondsInSecond;
        while (true)
        {
            int error = destination.TryConnect();
            if (error == 0)
                return destination.Authenticate();
            if (error == ECONNRESET)
                return Failure.Say(ExitCode.Broken, "the destination does not answer the upload of the loader"u8);
            if (Timing.Now() >= end)
                return Failure.Say(ExitCode.NoConnection, Failure.Reason(error));
            Timing.Sleep(Timing.NanosecondsInSecond / 10);
        }
    }

    /// <summary>0, or −errno.</summary>
    private int TryConnect()
    {
        const int ConnectPatience = 3000;
        int socket = Inet.OpenStream();
        if (socket < 0)
            return socket;
        int error = Inet.Connect(socket, address, port);
        if (error == EINPROGRESS)
            error = Timing.Poll(socket, POLLOUT, ConnectPatience) > 0 ? Inet.ErrorOf(socket) : ETIMEDOUT;
        if (error != 0)
        {
            Syscall.Close(socket);
            return error;
        }
        Inet.SetBlocking(socket);
        Inet.SetNoDelay(socket);
        Inet.SetSendTimeout(socket, patience);
        Socket = socket;
        return 0;
    }

    private ExitCode Authenticate() => Shake(out ChannelStatus status) switch
    {
        HandshakeEnd.Done => ExitCode.Arrived,
        HandshakeEnd.NotTaken => Failure.Say(ExitCode.Broken, "the destination does not take the handshake"u8),
        HandshakeEnd.NotAnswered => Failure.Say(ExitCode.Broken, "the destination does not answer the handshake"u8),
        HandshakeEnd.NotFinished => Failure.Say(ExitCode.Broken, "the destination does not finish the handshake"u8),
        HandshakeEnd.OtherProtocol => Failure.Say(ExitCode.NotAuthenticated, "what answers is no empty machine"u8),
        HandshakeEnd.NoKey => Failure.Say(ExitCode.NotAuthenticated, "what answers does not have the key"u8),
        _ => Failure.Say(
            status == ChannelStatus.Busy ? ExitCode.Busy : ExitCode.NotAuthenticated, ChannelHello.Sentence(status)),
    };

    private enum HandshakeEnd
    {
        Done,
        NotTaken,
        NotAnswered,
        NotFinished,
        OtherProtocol,
        NoKey,
        Refused,
    }

    /// <param name="status">Why, when it was refused.</param>
    private HandshakeEnd Shake(out ChannelStatus status)
    {
        Span<byte> hello = stackalloc byte[ChannelHello.MessageSize];
        Span<byte> answer = stackalloc byte[ChannelHello.MessageSize];
        Span<byte> preShared = stackalloc byte[Bytes32.Size];
        Span<byte> secret = stackalloc byte[Bytes32.Size];
        status = ChannelStatus.Accepted;
        fixed (byte* key = machineKey)
            SecureChannel.PreSharedKey(new ReadOnlySpan<byte>(key, MachineKey.Size), preShared);
        Host.Random(secret);
        ChannelHello.Emit(hello, Upload.Magic, Upload.Version);
        NoiseHandshake handshake = NoiseHandshake.Start(hello.Slice(0, ChannelHello.Size), preShared, secret);
        handshake.WriteFirst(default, hello.Slice(ChannelHello.Size));
        if (!SendRaw(hello))
            return HandshakeEnd.NotTaken;
        ulong until = Timing.Now() + Patience;
        if (!ReceiveRaw(answer.Slice(0, ChannelHello.Size), until))
            return HandshakeEnd.NotAnswered;
        if (!ChannelHello.TryParseAnswer(answer.Slice(0, ChannelHello.Size), out status))
            return HandshakeEnd.OtherProtocol;
        if (status != ChannelStatus.Accepted)
            return HandshakeEnd.Refused;
        if (!ReceiveRaw(answer.Slice(ChannelHello.Size, NoiseHandshake.Overhead), until))
            return HandshakeEnd.NotFinished;
        if (!handshake.ReadSecond(answer.Slice(ChannelHello.Size), default))
            return HandshakeEnd.NoKey;
        channel = SecureChannel.OfInitiator(ref handshake);
        return HandshakeEnd.Done;
    }

    /// <summary>Sends the loader and waits for the firmware's answer.</summary>
    /// <param name="plain">What follows the answer is not encrypted.</param>
    public ExitCode SendLoader(byte* path, bool plain)
    {
        const int MaxLoader = (int)Upload.MaxLoaderSize;
        int file = Host.Open(path);
        if (file < 0)
            return Failure.Say(ExitCode.NoLoader, "its file cannot be opened"u8);
        byte* memory = Host.Allocate(Upload.Size + MaxLoader + 1);
        if (memory == null)
            return Failure.Say(ExitCode.NoLoader, "there is no memory to read it into"u8);
        // A byte more than there may be.
        Span<byte> buffer = new(memory, Upload.Size + MaxLoader + 1);
        int length = ReadAll(file, buffer.Slice(Upload.Size));
        Syscall.Close(file);
        if (length is 0 or > MaxLoader)
            return Failure.Say(ExitCode.NoLoader, "its file is empty or too large"u8);
        Upload.Emit(buffer.Slice(0, Upload.Size), (uint)length, plain ? Upload.Plain : 0);
        if (!Send(buffer.Slice(0, Upload.Size + length)))
            return Failure.Say(ExitCode.Broken, "the destination does not take the whole loader"u8);

        Span<byte> answer = stackalloc byte[UploadAnswer.Size];
        if (!Receive(answer))
            return Failure.Say(ExitCode.Broken, "the destination does not answer the upload of the loader"u8);
        if (!UploadAnswer.TryParse(answer, out _, out UploadRefusal refusal, out _))
            return Failure.Say(ExitCode.LoaderRefused, "the answer is not one of an empty domain"u8);
        isPlain = plain;
        return refusal switch
        {
            UploadRefusal.None => ExitCode.Arrived,
            UploadRefusal.Busy => Failure.Say(ExitCode.Busy, UploadAnswer.Sentence(refusal)),
            _ => Failure.Say(ExitCode.LoaderRefused, UploadAnswer.Sentence(refusal)),
        };
    }

    // Bytes of the file, as many as fit.
    private static int ReadAll(int file, Span<byte> to)
    {
        int length = 0;
        while (length < to.Length)
        {
            int count = Syscall.Read(file, to.Slice(length));
            if (count <= 0)
                break;
            length += count;
        }
        return length;
    }

    /// <summary>Where text for <see cref="SendText"/> is to stand.</summary>
    public readonly Span<byte> Text => new(outgoing + SecureChannel.LengthSize, SecureChannel.MaxText);

    /// <summary>
    /// Sends the first bytes of <see cref="Text"/>, in a record of their own. True when all of it was taken.
    /// </summary>
    /// <param name="more">More follows, or <see cref="Push"/>: its end may wait for that to fill a segment.</param>
    public bool SendText(int length, bool more = false) => SendRaw(MakeRecord(length), more);

    /// <summary>Nothing that was sent waits for more to follow it.</summary>
    public readonly void Push() => Inet.SetNoDelay(Socket);

    // What goes over the wire for the first bytes of the text.
    private ReadOnlySpan<byte> MakeRecord(int length)
    {
        if (isPlain)
            return Text.Slice(0, length);
        Span<byte> record = new(outgoing, SecureChannel.MaxRecord);
        return record.Slice(0, channel.Seal(record, length));
    }

    /// <summary>True when all of it was taken.</summary>
    private bool Send(ReadOnlySpan<byte> from)
    {
        while (from.Length > 0)
        {
            int length = Math.Min(from.Length, SecureChannel.MaxText);
            from.Slice(0, length).CopyTo(Text);
            if (!SendText(length))
                return false;
            from = from.Slice(length);
        }
        return true;
    }

    /// <summary>The bytes on the wire of COMMIT, for the kernel to send.</summary>
    /// <param name="sinceFork">Nanoseconds, for the copy's clocks.</param>
    public ReadOnlySpan<byte> Commit(ulong sinceFork)
    {
        uncommitted = channel;
        HandOver.Emit(Text.Slice(0, HandOver.Size), HandOverKind.Commit, CheckpointRefusal.None, sinceFork);
        return MakeRecord(HandOver.Size);
    }

    /// <summary>
    /// The kernel has not sent the COMMIT that was made last: its place in the stream of records is free again. Nobody
    /// has seen its bytes, so the key and number that it was sealed with may be used once more.
    /// </summary>
    public void TakeBack() => channel = uncommitted;

    /// <summary>
    /// Why the last thing that was to be sent was not taken: −errno; ETIMEDOUT when there was no room for as long as
    /// patience lasts.
    /// </summary>
    public int SendError { get; private set; }

    private bool SendRaw(ReadOnlySpan<byte> from, bool more = false)
    {
        int flags = MSG_NOSIGNAL | (more ? MessageFollows : 0);
        while (from.Length > 0)
        {
            int sent = Syscall.Call(CallNumber.SendTo, Socket, Syscall.AddressOf(from), from.Length, flags);
            if (sent == EINTR)
                continue;
            if (sent <= 0)
            {
                SendError = sent == EAGAIN ? ETIMEDOUT : sent;
                return false;
            }
            from = from.Slice(sent);
        }
        return true;
    }

    /// <summary>
    /// True when all of it came until then: a byte now and then does not hold up a guest that stands still.
    /// </summary>
    private readonly bool ReceiveRaw(Span<byte> to, ulong until)
    {
        while (to.Length > 0)
        {
            ulong now = Timing.Now();
            if (now >= until || Timing.Poll(Socket, POLLIN, (int)((until - now) / 1_000_000) + 1) <= 0)
                return false;
            int received = Syscall.Read(Socket, to);
            if (received == EINTR)
                continue;
            if (received <= 0)
                return false;
            to = to.Slice(received);
        }
        return true;
    }

    /// <summary>True when all of it came in time, and nobody has changed it.</summary>
    private bool Receive(Span<byte> to)
    {
        ulong until = Timing.Now() + Patience;
        if (isPlain)
            return ReceiveRaw(to, until);
        while (to.Length > 0)
        {
            if (at == end && !ReceiveRecord(until))
                return false;
            int piece = Math.Min(to.Length, end - at);
            new ReadOnlySpan<byte>(incoming + at, piece).CopyTo(to);
            at += piece;
            to = to.Slice(piece);
        }
        return true;
    }

    private bool ReceiveRecord(ulong until)
    {
        Span<byte> record = new(incoming, SecureChannel.MaxRecord);
        Span<byte> prefix = record.Slice(0, SecureChannel.LengthSize);
        if (!ReceiveRaw(prefix, until))
            return false;
        int size = SecureChannel.RecordSize(prefix);
        if (size < 0 || !ReceiveRaw(record.Slice(prefix.Length, size - prefix.Length), until))
            return false;
        int length = channel.Open(record.Slice(0, size));
        if (length < 0)
            return false;
        at = SecureChannel.LengthSize;
        end = at + length;
        return true;
    }

    /// <summary>
    /// Waits until the destination says that the guest runs there. False when the time has passed, or at once when the
    /// connection is of no more use.
    /// </summary>
    /// <param name="milliseconds">How long its silence is borne.</param>
    public bool HearRunning(int milliseconds)
    {
        if (isBroken || !HasSpoken(milliseconds))
            return false;
        patience = Math.Min(patience, LastPatience);
        if (Hear(out HandOverKind kind, out _, out _) && kind == HandOverKind.Running)
            return true;
        isBroken = true;
        return false;
    }

    /// <summary>
    /// Asks the destination's firmware, over a connection of its own, to give up what was begun here. True when it has:
    /// what was sent before is not taken any more. False when it is not known whether it has.
    /// </summary>
    public readonly bool Withdraw()
    {
        Destination again = this;
        again.patience = LastPatience;
        again.isPlain = false;
        again.at = 0;
        again.end = 0;
        if (again.TryConnect() != 0)
            return false;
        bool isWithdrawn = again.Shake(out _) == HandshakeEnd.Done && again.SendWithdrawal();
        again.Abort();
        return isWithdrawn;
    }

    private bool SendWithdrawal()
    {
        Span<byte> header = stackalloc byte[Upload.Size];
        Span<byte> answer = stackalloc byte[UploadAnswer.Size];
        Upload.Emit(header, 0, Upload.Withdraw);
        return Send(header)
            && Receive(answer)
            && UploadAnswer.TryParse(answer, out UploadStage stage, out UploadRefusal refusal, out _)
            && stage == UploadStage.Firmware && refusal == UploadRefusal.None;
    }

    /// <summary>Resets the connection: a peer that takes nothing would otherwise not hear that it has ended.</summary>
    public readonly void Abort()
    {
        Inet.SetAbortive(Socket);
        Syscall.Close(Socket);
    }

    /// <summary>True when the other side has said something, or closed the connection.</summary>
    public readonly bool HasSpoken(int milliseconds) => at != end || Timing.Poll(Socket, POLLIN, milliseconds) > 0;

    /// <summary>
    /// True when nothing can be sent nor received any more, for one because the peer has not acknowledged for too long.
    /// False when only the peer's direction is closed.
    /// </summary>
    public readonly bool IsDead => Timing.Poll(Socket, 0, 0) > 0; // POLLERR and POLLHUP are reported unasked

    /// <summary>
    /// What the loader says. False when the connection ended, what came was changed, or it makes no sense.
    /// </summary>
    public bool Hear(out HandOverKind kind, out CheckpointRefusal refusal, out ulong detail)
    {
        kind = 0;
        refusal = 0;
        detail = 0;
        Span<byte> record = stackalloc byte[HandOver.Size];
        return Receive(record) && HandOver.TryParse(record, out kind, out refusal, out detail);
    }
}
