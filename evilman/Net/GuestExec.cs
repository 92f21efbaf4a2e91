using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using Evilman.Text;
using Wire;

namespace Evilman.Net;

/// <summary>
/// A program that runs in a guest for the holder of its key, through the secure channel on its port 1708
/// (docs/protocols.md, "Guest commands"). The connection moves with the guest; the program ends with the connection.
/// </summary>
internal sealed class GuestExec : IDisposable
{
    readonly SecureSocket socket;

    // Input and sizes come from threads of their own.
    readonly Lock sending = new();

    GuestExec(SecureSocket socket) => this.socket = socket;

    /// <exception cref="Failure">The guest does not answer, has another key, or does not know how.</exception>
    internal static GuestExec Start(IPAddress guest, ReadOnlySpan<byte> guestKey, IReadOnlyList<string> words,
        TimeSpan patience, OwnTerminal? terminal = null) =>
        Start(Connect(guest, patience), guestKey, words, patience, terminal);

    static Socket Connect(IPAddress guest, TimeSpan patience)
    {
        try
        {
            return Tcp.Connect(new IPEndPoint(guest, MoveCommand.Port), patience);
        }
        catch (SocketException failure)
        {
            throw Failure.NoAnswer($"the guest at {guest} does not answer on port {MoveCommand.Port}: "
                + $"{failure.Message}");
        }
    }

    /// <summary>The same over a connection that is there already.</summary>
    /// <param name="terminal">The program gets one of this size; null for none.</param>
    internal static GuestExec Start(Socket connection, ReadOnlySpan<byte> guestKey, IReadOnlyList<string> words,
        TimeSpan patience, OwnTerminal? terminal = null)
    {
        connection.SendTimeout = connection.ReceiveTimeout = (int)patience.TotalMilliseconds;
        var guest = connection.RemoteEndPoint;
        var texts = Texts(words);
        SecureSocket? socket = null;
        try
        {
            socket = SecureSocket.Connect(connection, MoveCommand.HelloMagic, MoveCommand.HelloVersion, guestKey);
            var exec = new GuestExec(socket);
            var command = new byte[ExecCommand.Size];
            ExecCommand.Emit(command, texts.Length, terminal is not null);
            socket.Send(command);
            exec.AwaitStart();
            if (terminal is not null)
                exec.Send(ExecFrameKind.Size, [.. terminal.Size(), .. terminal.Type()]);
            exec.Send(ExecFrameKind.Words, texts);
            connection.SendTimeout = connection.ReceiveTimeout = 0;
            // A machine that is ended says nothing more. A guest that moves is silent for a moment only.
            connection.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            connection.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 5);
            connection.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 2);
            connection.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 10);
            return exec;
        }
        catch (Exception failure)
        {
            socket?.Dispose();
            throw failure switch
            {
                ChannelException => new Failure($"the guest at {guest} does not obey: {failure.Message}"),
                SocketException => Failure.NoAnswer($"the guest at {guest} does not answer: {failure.Message}"),
                _ => failure,
            };
        }
    }

    static byte[] Texts(IReadOnlyList<string> words)
    {
        var all = new MemoryStream();
        foreach (var word in words)
            all.Write(Encoding.UTF8.GetBytes(word + "\0"));
        return all.Length is >= 2 and <= ExecCommand.MaxWords ? all.ToArray()
            : throw Failure.Usage($"a command and its arguments have 1 to {ExecCommand.MaxWords - 1} bytes");
    }

    void AwaitStart()
    {
        if (!TryFill(new byte[GuestEvent.HeaderSize], out var header)
            || !GuestEvent.TryParse(header, out var kind, out _, out var length)
            || !TryFill(new byte[length], out var text))
            throw new Failure("what the guest says makes no sense");
        if (kind != GuestEventKind.Started)
            throw new Failure($"the guest does not run it: {Printable.Of(Encoding.UTF8.GetString(text))}");
    }

    /// <summary>
    /// Passes on what comes in, and what the program writes, until it has ended.
    /// </summary>
    /// <param name="input">Read on a thread of its own; null for no input at all.</param>
    /// <returns>The exit code; 128 and the number of a signal.</returns>
    /// <exception cref="Failure">The connection broke.</exception>
    internal int Run(Stream? input, Action<ReadOnlySpan<byte>> output, Action<ReadOnlySpan<byte>> error)
    {
        if (input is null)
            Send(ExecFrameKind.Input, []);
        else
            new Thread(() => Feed(input)) { IsBackground = true }.Start();
        try
        {
            while (TryFill(new byte[ExecFrame.HeaderSize], out var header))
            {
                var frame = new byte[ExecFrame.HeaderSize + BitConverter.ToUInt16(header, 2)];
                header.CopyTo(frame, 0);
                if (!TryFill(frame.AsSpan(ExecFrame.HeaderSize)) || !ExecFrame.TryParse(frame, out var kind, out var data))
                    break;
                switch (kind)
                {
                    case ExecFrameKind.Output:
                        output(data);
                        break;
                    case ExecFrameKind.Error:
                        error(data);
                        break;
                    case ExecFrameKind.Ended:
                        return data[0] == 0 ? data[1] : 128 + data[1];
                }
            }
        }
        catch (Exception broken) when (broken is SocketException or ChannelException or ObjectDisposedException)
        {
            throw Failure.NoAnswer($"the connection to the guest broke: {broken.Message}");
        }
        throw Failure.NoAnswer("the guest closed the connection before the program ended");
    }

    /// <summary>Bytes of output at most of a program that <see cref="Ask"/> runs.</summary>
    internal const int MaxAnswerSize = 1 << 20;

    /// <summary>
    /// What a program writes that has no input and ends soon. Whatever the guest does, it is over after
    /// <paramref name="patience"/> twice, once of it for the connection, and has <see cref="MaxAnswerSize"/> bytes at most.
    /// </summary>
    internal static string Ask(IPAddress guest, ReadOnlySpan<byte> guestKey, IReadOnlyList<string> words,
        TimeSpan patience) => Ask(Connect(guest, patience), guestKey, words, patience);

    /// <summary>The same over a connection that is there already, which it closes.</summary>
    internal static string Ask(Socket connection, ReadOnlySpan<byte> guestKey, IReadOnlyList<string> words,
        TimeSpan patience)
    {
        var guest = connection.RemoteEndPoint;
        var isLate = false;
        // What comes in time, byte by byte, may still be too late in all.
        using var end = new Timer(_ =>
        {
            Volatile.Write(ref isLate, true);
            connection.Dispose();
        }, null, patience, Timeout.InfiniteTimeSpan);
        try
        {
            using var exec = Start(connection, guestKey, words, patience);
            var all = new MemoryStream();
            exec.Run(null, data =>
            {
                if (all.Length + data.Length > MaxAnswerSize)
                    throw new Failure($"the guest at {guest} answers without end");
                all.Write(data);
            }, _ => { });
            return Encoding.UTF8.GetString(all.GetBuffer(), 0, (int)all.Length);
        }
        catch (Exception cut) when (Volatile.Read(ref isLate) && cut is Failure or ObjectDisposedException)
        {
            throw new Failure(string.Create(CultureInfo.InvariantCulture,
                $"the guest at {guest} has not answered within {patience.TotalSeconds:0.#} s"), ExitCode.NoAnswer)
            {
                IsLate = true,
            };
        }
        finally
        {
            connection.Dispose();
        }
    }

    void Feed(Stream input)
    {
        var buffer = new byte[ExecFrame.MaxData];
        try
        {
            for (int count; (count = input.Read(buffer)) > 0;)
                Send(ExecFrameKind.Input, buffer.AsSpan(0, count));
            Send(ExecFrameKind.Input, []);
        }
        catch (Exception gone) when (gone is IOException or SocketException or ObjectDisposedException)
        {
            // The program has ended, or the one who waits for it says that the connection broke.
        }
    }

    /// <summary>Tells the guest how large the terminal is now.</summary>
    internal void Resize(OwnTerminal terminal)
    {
        try
        {
            Send(ExecFrameKind.Size, terminal.Size());
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // The thread that waits for the program reports the broken connection.
        }
    }

    void Send(ExecFrameKind kind, ReadOnlySpan<byte> data)
    {
        lock (sending)
            SendAlone(kind, data);
    }

    void SendAlone(ExecFrameKind kind, ReadOnlySpan<byte> data)
    {
        var record = new byte[ExecFrame.HeaderSize + ExecFrame.MaxData];
        do
        {
            var length = Math.Min(data.Length, ExecFrame.MaxData);
            ExecFrame.Emit(record, kind, length);
            data[..length].CopyTo(record.AsSpan(ExecFrame.HeaderSize));
            socket.Send(record.AsSpan(0, ExecFrame.HeaderSize + length));
            data = data[length..];
        }
        while (data.Length > 0);
    }

    bool TryFill(byte[] bytes, out byte[] filled)
    {
        filled = bytes;
        return TryFill(bytes);
    }

    bool TryFill(Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var count = socket.Receive(bytes);
            if (count == 0)
                return false;
            bytes = bytes[count..];
        }
        return true;
    }

    public void Dispose() => socket.Dispose();
}
