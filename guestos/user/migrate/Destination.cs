using System;
using Wire;

namespace Migrate;

/// <summary>
/// The empty machine that the guest moves to: its <c>cstrap</c>, then the checkpoint loader that it was given. It proves that it has its
/// key before the first byte of the guest is sent, and only who has the key can read what follows (docs/protocols.md, "Secure channel").
/// </summary>
internal unsafe struct Destination
{
    private const ulong Second = 1_000_000_000;

    /// <summary>Milliseconds: how long the rest of an answer may take once COMMIT has been sent.</summary>
    private const int LastPatience = 5000;

    private int patience;
    private uint address;
    private ushort port;
    private fixed byte machineKey[MachineKey.Size];
    private bool isPlain;

    /// <summary>Nothing more is to be expected of the connection.</summary>
    private bool isBroken;

    private SecureChannel channel;

    /// <summary>Records in the making: of their own memory, since what is written after the fork has to be sent once more.</summary>
    private byte* outgoing, incoming;

    /// <summary>Where records are made and read: whole pages, of nothing else.</summary>
    public readonly byte* Buffers => outgoing;

    public const ulong BuffersSize = (2UL * SecureChannel.MaxRecord + PageSize - 1) & ~(PageSize - 1);

    private const ulong PageSize = 4096;

    /// <summary>Text of the last record that nobody has taken yet.</summary>
    private int at, end;

    public int Socket;

    /// <summary>How long its silence is borne.</summary>
    public readonly ulong Patience => (ulong)patience * 1_000_000;

    public readonly bool IsPlain => isPlain;

    /// <summary>Connects, for a few seconds if need be, since the machine may be starting, and lets it prove who it is.</summary>
    public static ExitCode Connect(in Options options, ReadOnlySpan<byte> key, out Destination destination)
    {
        destination = default;
        destination.patience = options.Patience;
        destination.outgoing = Kernel.Allocate((nint)BuffersSize);
        destination.address = options.Address;
        destination.port = options.Port;
        fixed (byte* kept = destination.machineKey)
            key.Slice(0, MachineKey.Size).CopyTo(new Span<byte>(kept, MachineKey.Size));
        if (destination.outgoing == null)
            return Failure.Say(ExitCode.NoConnection, "there is no memory for it"u8);
        destination.incoming = destination.outgoing + SecureChannel.MaxRecord;
        ulong end = Kernel.Now() + 5 * Second;
        while (true)
        {
            int error = destination.TryConnect();
            if (error == 0)
                return destination.Authenticate();
            if (error == Kernel.ConnectionResetError)
                return Failure.Say(ExitCode.Broken, "the destination does not answer the upload of the loader"u8);
            if (Kernel.Now() >= end)
                return Failure.Say(ExitCode.NoConnection, Failure.Reason(error));
            Kernel.Sleep(Second / 10);
        }
    }

    /// <summary>0, or the error.</summary>
    private int TryConnect()
    {
        int socket = Kernel.Socket();
        if (socket < 0)
            return -socket;
        int error = -Kernel.Connect(socket, address, port);
        if (error == Kernel.InProgressError)
            error = Kernel.Poll(socket, Kernel.PollOut, 3000) > 0 ? Kernel.SocketError(socket) : Kernel.TimedOutError;
        if (error != 0)
        {
            Kernel.Close(socket);
            return error;
        }
        Kernel.SetBlocking(socket);
        Kernel.SetNoDelay(socket);
        Kernel.SetSendTimeout(socket, patience);
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
        Kernel.Random(secret);
        ChannelHello.Emit(hello, Upload.Magic, Upload.Version);
        NoiseHandshake handshake = NoiseHandshake.Start(hello.Slice(0, ChannelHello.Size), preShared, secret);
        handshake.WriteFirst(default, hello.Slice(ChannelHello.Size));
        fixed (byte* bytes = hello)
            if (!SendRaw(bytes, hello.Length))
                return HandshakeEnd.NotTaken;
        ulong until = Kernel.Now() + Patience;
        fixed (byte* bytes = answer)
        {
            if (!ReceiveRaw(bytes, ChannelHello.Size, until))
                return HandshakeEnd.NotAnswered;
            if (!ChannelHello.TryParseAnswer(answer.Slice(0, ChannelHello.Size), out status))
                return HandshakeEnd.OtherProtocol;
            if (status != ChannelStatus.Accepted)
                return HandshakeEnd.Refused;
            if (!ReceiveRaw(bytes + ChannelHello.Size, NoiseHandshake.Overhead, until))
                return HandshakeEnd.NotFinished;
        }
        if (!handshake.ReadSecond(answer.Slice(ChannelHello.Size), default))
            return HandshakeEnd.NoKey;
        channel = SecureChannel.OfInitiator(ref handshake);
        return HandshakeEnd.Done;
    }

    /// <summary>Sends the loader and waits for the firmware's answer.</summary>
    /// <param name="plain">What follows the answer is not encrypted.</param>
    public ExitCode SendLoader(byte* path, bool plain)
    {
        const int ReadOnly = 0;
        int file = Kernel.Open(path, ReadOnly);
        if (file < 0)
            return Failure.Say(ExitCode.NoLoader, "its file cannot be opened"u8);
        byte* buffer = Kernel.Allocate((nint)(Upload.Size + Upload.MaxLoaderSize + 1));
        if (buffer == null)
            return Failure.Say(ExitCode.NoLoader, "there is no memory to read it into"u8);
        nint length = 0, count;
        while (length <= (nint)Upload.MaxLoaderSize && (count = Kernel.Read(file, buffer + Upload.Size + length, (nint)Upload.MaxLoaderSize + 1 - length)) > 0)
            length += count;
        Kernel.Close(file);
        if (length is 0 || length > (nint)Upload.MaxLoaderSize)
            return Failure.Say(ExitCode.NoLoader, "its file is empty or too large"u8);
        Upload.Emit(new Span<byte>(buffer, Upload.Size), (uint)length, plain ? Upload.Plain : 0);
        if (!Send(buffer, Upload.Size + length))
            return Failure.Say(ExitCode.Broken, "the destination does not take the whole loader"u8);

        byte* answer = stackalloc byte[UploadAnswer.Size];
        if (!Receive(answer, UploadAnswer.Size))
            return Failure.Say(ExitCode.Broken, "the destination does not answer the upload of the loader"u8);
        if (!UploadAnswer.TryParse(new ReadOnlySpan<byte>(answer, UploadAnswer.Size), out _, out UploadRefusal refusal, out _))
            return Failure.Say(ExitCode.LoaderRefused, "the answer is not one of an empty domain"u8);
        isPlain = plain;
        return refusal switch
        {
            UploadRefusal.None => ExitCode.Arrived,
            UploadRefusal.Busy => Failure.Say(ExitCode.Busy, UploadAnswer.Sentence(refusal)),
            _ => Failure.Say(ExitCode.LoaderRefused, UploadAnswer.Sentence(refusal)),
        };
    }

    /// <summary>Where text for <see cref="SendText"/> is to stand: <see cref="SecureChannel.MaxText"/> bytes.</summary>
    public readonly byte* Text => outgoing + SecureChannel.LengthSize;

    /// <summary>Sends the first bytes of <see cref="Text"/>, in a record of their own. True when all of it was taken.</summary>
    public bool SendText(int length) => isPlain ? SendRaw(Text, length) : SendRaw(outgoing, Seal(length));

    private int Seal(int length) => channel.Seal(new Span<byte>(outgoing, SecureChannel.MaxRecord), length);

    /// <summary>True when all of it was taken.</summary>
    public bool Send(byte* from, nint count)
    {
        while (count > 0)
        {
            int length = (int)Math.Min(count, SecureChannel.MaxText);
            new ReadOnlySpan<byte>(from, length).CopyTo(new Span<byte>(Text, length));
            if (!SendText(length))
                return false;
            from += length;
            count -= length;
        }
        return true;
    }

    /// <summary>The bytes on the wire of COMMIT, for the kernel to send.</summary>
    /// <param name="sinceFork">Nanoseconds, for the copy's clocks.</param>
    public ReadOnlySpan<byte> Commit(ulong sinceFork)
    {
        HandOver.Emit(new Span<byte>(Text, HandOver.Size), HandOverKind.Commit, CheckpointRefusal.None, sinceFork);
        return isPlain ? new ReadOnlySpan<byte>(Text, HandOver.Size) : new ReadOnlySpan<byte>(outgoing, Seal(HandOver.Size));
    }

    /// <summary>Why the last thing that was to be sent was not taken: -errno; ETIMEDOUT when there was no room for as long as patience lasts.</summary>
    public nint SendError { get; private set; }

    private bool SendRaw(byte* from, nint count)
    {
        while (count > 0)
        {
            nint sent = Kernel.Send(Socket, from, count);
            if (sent == -Kernel.InterruptedError)
                continue;
            if (sent <= 0)
            {
                SendError = sent == -Kernel.AgainError ? -Kernel.TimedOutError : sent;
                return false;
            }
            from += sent;
            count -= sent;
        }
        return true;
    }

    /// <summary>True when all of it came until then: a byte now and then does not hold up a guest that stands still.</summary>
    private readonly bool ReceiveRaw(byte* to, nint count, ulong until)
    {
        while (count > 0)
        {
            ulong now = Kernel.Now();
            if (now >= until || Kernel.Poll(Socket, Kernel.PollIn, (int)((until - now) / 1_000_000) + 1) <= 0)
                return false;
            nint received = Kernel.Read(Socket, to, count);
            if (received == -Kernel.InterruptedError)
                continue;
            if (received <= 0)
                return false;
            to += received;
            count -= received;
        }
        return true;
    }

    /// <summary>True when all of it came in time, and nobody has changed it.</summary>
    private bool Receive(byte* to, int count)
    {
        ulong until = Kernel.Now() + Patience;
        if (isPlain)
            return ReceiveRaw(to, count, until);
        while (count > 0)
        {
            if (at == end)
            {
                if (!ReceiveRaw(incoming, SecureChannel.LengthSize, until))
                    return false;
                int size = SecureChannel.RecordSize(new ReadOnlySpan<byte>(incoming, SecureChannel.LengthSize));
                if (size < 0 || !ReceiveRaw(incoming + SecureChannel.LengthSize, size - SecureChannel.LengthSize, until))
                    return false;
                int length = channel.Open(new Span<byte>(incoming, size));
                if (length < 0)
                    return false;
                at = SecureChannel.LengthSize;
                end = at + length;
            }
            int piece = Math.Min(count, end - at);
            new ReadOnlySpan<byte>(incoming + at, piece).CopyTo(new Span<byte>(to, piece));
            at += piece;
            to += piece;
            count -= piece;
        }
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
        byte* header = stackalloc byte[Upload.Size];
        byte* answer = stackalloc byte[UploadAnswer.Size];
        Upload.Emit(new Span<byte>(header, Upload.Size), 0, Upload.Withdraw);
        return Send(header, Upload.Size)
            && Receive(answer, UploadAnswer.Size)
            && UploadAnswer.TryParse(
                new ReadOnlySpan<byte>(answer, UploadAnswer.Size), out UploadStage stage, out UploadRefusal refusal, out _)
            && stage == UploadStage.Firmware && refusal == UploadRefusal.None;
    }

    /// <summary>Resets the connection: a peer that takes nothing would otherwise not hear that it has ended.</summary>
    public readonly void Abort()
    {
        Kernel.SetLinger(Socket, 0);
        Kernel.Close(Socket);
    }

    /// <summary>True when the other side has said something, or closed the connection.</summary>
    public readonly bool HasSpoken(int milliseconds) => at != end || Kernel.Poll(Socket, Kernel.PollIn, milliseconds) > 0;

    /// <summary>What the loader says. False when the connection ended, what came was changed, or it makes no sense.</summary>
    public bool Hear(out HandOverKind kind, out CheckpointRefusal refusal, out ulong detail)
    {
        kind = 0;
        refusal = 0;
        detail = 0;
        byte* record = stackalloc byte[HandOver.Size];
        return Receive(record, HandOver.Size) && HandOver.TryParse(new ReadOnlySpan<byte>(record, HandOver.Size), out kind, out refusal, out detail);
    }
}
