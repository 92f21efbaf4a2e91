using System;
using Wire;

namespace Migrate;

/// <summary>The empty domain that the machine moves to: its <c>cstrap</c>, then the checkpoint loader that it was given.</summary>
internal unsafe struct Destination
{
    private const ulong Second = 1_000_000_000;
    private int patience;

    public int Socket;

    /// <summary>How long its silence is borne.</summary>
    public readonly ulong Patience => (ulong)patience * 1_000_000;

    /// <summary>Connects, for a few seconds if need be: the domain may be starting.</summary>
    public static ExitCode Connect(in Options options, out Destination destination)
    {
        destination = default;
        destination.patience = options.Patience;
        ulong end = Kernel.Now() + 5 * Second;
        while (true)
        {
            int error = TryConnect(options, out destination.Socket);
            if (error == 0)
                return ExitCode.Arrived;
            // It was there, took the connection, and reset it: waiting for it to start would be waiting for something else.
            if (error == Kernel.ConnectionResetError)
                return Failure.Say(ExitCode.Broken, "the destination does not answer the upload of the loader"u8);
            if (Kernel.Now() >= end)
                return Failure.Say(ExitCode.NoConnection, Failure.Reason(error));
            Kernel.Sleep(Second / 10);
        }
    }

    /// <summary>0, or the error.</summary>
    private static int TryConnect(in Options options, out int socket)
    {
        socket = Kernel.Socket();
        if (socket < 0)
            return -socket;
        int error = -Kernel.Connect(socket, options.Address, options.Port);
        if (error == Kernel.InProgressError)
            error = Kernel.Poll(socket, Kernel.PollOut, 3000) > 0 ? Kernel.SocketError(socket) : Kernel.TimedOutError;
        if (error != 0)
        {
            Kernel.Close(socket);
            return error;
        }
        Kernel.SetBlocking(socket);
        Kernel.SetNoDelay(socket);
        Kernel.SetSendTimeout(socket, options.Patience);
        return 0;
    }

    /// <summary>Sends the loader and waits for the firmware's answer.</summary>
    public readonly ExitCode SendLoader(byte* path)
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
        Upload.Emit(new Span<byte>(buffer, Upload.Size), (uint)length);
        if (!Send(buffer, Upload.Size + length))
            return Failure.Say(ExitCode.Broken, "the destination does not take the whole loader"u8);

        byte* answer = stackalloc byte[UploadAnswer.Size];
        if (!Receive(answer, UploadAnswer.Size, patience))
            return Failure.Say(ExitCode.Broken, "the destination does not answer the upload of the loader"u8);
        if (!UploadAnswer.TryParse(new ReadOnlySpan<byte>(answer, UploadAnswer.Size), out _, out UploadRefusal refusal, out _))
            return Failure.Say(ExitCode.LoaderRefused, "the answer is not one of an empty domain"u8);
        return refusal == UploadRefusal.None ? ExitCode.Arrived : Failure.Say(ExitCode.LoaderRefused, UploadAnswer.Sentence(refusal));
    }

    /// <summary>True when all of it was taken.</summary>
    public readonly bool Send(byte* from, nint count)
    {
        while (count > 0)
        {
            nint sent = Kernel.Send(Socket, from, count);
            if (sent == -Kernel.InterruptedError)
                continue;
            if (sent <= 0)
                return false;
            from += sent;
            count -= sent;
        }
        return true;
    }

    /// <summary>True when all of it came in time.</summary>
    public readonly bool Receive(byte* to, nint count, int milliseconds)
    {
        while (count > 0)
        {
            if (Kernel.Poll(Socket, Kernel.PollIn, milliseconds) <= 0)
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

    /// <summary>True when the other side has said something, or closed the connection.</summary>
    public readonly bool HasSpoken(int milliseconds) => Kernel.Poll(Socket, Kernel.PollIn, milliseconds) > 0;

    /// <summary>What the loader says. False when the connection ended or it makes no sense.</summary>
    public readonly bool Hear(out HandOverKind kind, out CheckpointRefusal refusal, out ulong detail)
    {
        kind = 0;
        refusal = 0;
        detail = 0;
        byte* record = stackalloc byte[HandOver.Size];
        return Receive(record, HandOver.Size, patience) && HandOver.TryParse(new ReadOnlySpan<byte>(record, HandOver.Size), out kind, out refusal, out detail);
    }
}
