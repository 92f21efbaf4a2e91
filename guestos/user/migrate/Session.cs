using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Migrate;

/// <summary>
/// A program that runs for whoever has the guest's key, and what passes between the two (docs/protocols.md, "Guest
/// commands"). A process of its own, which ends with the program or the connection.
/// </summary>
internal static unsafe class Session
{
    /// <summary>How long a client may take nothing, in milliseconds; a guest that moves takes its time, too.</summary>
    private const int SendPatience = 300_000;

    private static SecureChannel s_channel;
    private static int s_socket;

    // One record, as it comes in; and what of its data the program has not taken yet.
    private static byte* s_incoming;
    private static int s_received;
    private static int s_dataAt;
    private static int s_dataEnd;
    private static byte* s_outgoing;

    private static int s_program;
    private static int s_input = -1;
    private static int s_output = -1;
    private static int s_error = -1;

    /// <summary>Of the program's terminal, which is its input and its output at once; −1 where it has none.</summary>
    private static int s_master = -1;

    /// <param name="words">Bytes of the program's words, which the client sends when it has heard of the start.</param>
    /// <param name="hasTerminal">It gets one; the client tells its size before the words.</param>
    public static void Run(int socket, in SecureChannel channel, int words, bool hasTerminal)
    {
        (s_socket, s_channel) = (socket, channel);
        Inet.SetBlocking(socket);
        Inet.SetSendTimeout(socket, SendPatience);
        s_incoming = Host.Allocate(SecureChannel.MaxRecord);
        s_outgoing = Host.Allocate(SecureChannel.MaxRecord);
        byte* texts = Host.Allocate(words);
        if (s_incoming == null || s_outgoing == null || texts == null)
            Refuse("The guest is out of memory."u8);
        Event(GuestEventKind.Started, default);
        if (!Hear(texts, words, hasTerminal, out byte** program))
            Syscall.Exit(0);
        if (!(hasTerminal ? BeginOnTerminal(program) : Begin(program)))
            Syscall.Exit(0);
        while (s_output >= 0 || s_error >= 0)
            Pass();
        Span<byte> end = stackalloc byte[ExecFrame.EndedSize];
        Host.EndOf(s_program, end);
        Tell(ExecFrameKind.Ended, end);
        Syscall.Exit(0);
    }

    // What is to be run, and the terminal for it.
    private static bool Hear(byte* texts, int length, bool hasTerminal, out byte** words)
    {
        words = null;
        if (hasTerminal)
        {
            if (!Receive(out ExecFrameKind first, out ReadOnlySpan<byte> size) || first != ExecFrameKind.Size)
                return false;
            s_master = Terminal.Open(size);
            if (s_master < 0)
                return false;
        }
        int have = 0;
        while (have < length)
        {
            if (!Receive(out ExecFrameKind kind, out ReadOnlySpan<byte> data)
                || kind != ExecFrameKind.Words || data.Length > length - have)
                return false;
            data.CopyTo(new Span<byte>(texts + have, length - have));
            have += data.Length;
        }
        return Words.TrySplit(texts, length, out words);
    }

    private static bool BeginOnTerminal(byte** words)
    {
        s_program = Host.Fork();
        if (s_program == 0)
        {
            Syscall.Close(s_socket);
            Syscall.Close(s_master);
            Program.HasTerminal();
            int terminal = Terminal.Take();
            Program.Become(words, terminal, terminal, terminal, leads: false);
        }
        (s_input, s_output) = (s_master, s_master);
        return s_program > 0;
    }

    private static bool Begin(byte** words)
    {
        Span<int> input = stackalloc int[2];
        Span<int> output = stackalloc int[2];
        Span<int> error = stackalloc int[2];
        if (Host.Pipe(input) < 0 || Host.Pipe(output) < 0 || Host.Pipe(error) < 0)
            return false;
        Host.SetBlocking(input[0], true);
        s_program = Host.Fork();
        if (s_program == 0)
        {
            Syscall.Close(s_socket);
            foreach (int end in (ReadOnlySpan<int>)[input[1], output[0], error[0]])
                Syscall.Close(end);
            Program.Become(words, input[0], output[1], error[1], leads: true);
        }
        foreach (int end in (ReadOnlySpan<int>)[input[0], output[1], error[1]])
            Syscall.Close(end);
        (s_input, s_output, s_error) = (input[1], output[0], error[0]);
        Host.SetBlocking(s_input, false);
        return s_program > 0;
    }

    /// <summary>Waits for whoever has something to say, and passes it on.</summary>
    private static void Pass()
    {
        bool isHolding = s_dataAt < s_dataEnd;
        Span<PollDescriptor> polls = stackalloc PollDescriptor[4];
        polls[0] = new() { Descriptor = s_socket, Events = isHolding ? (short)0 : POLLIN };
        polls[1] = new() { Descriptor = isHolding ? s_input : -1, Events = POLLOUT };
        polls[2] = new() { Descriptor = s_output, Events = POLLIN };
        polls[3] = new() { Descriptor = s_error, Events = POLLIN };
        Timing.Poll(polls, -1);
        if (polls[2].Returned != 0)
            PassOn(ExecFrameKind.Output, ref s_output);
        if (polls[3].Returned != 0)
            PassOn(ExecFrameKind.Error, ref s_error);
        if (polls[1].Returned != 0)
            FeedProgram();
        if (polls[0].Returned != 0)
            HearClient();
    }

    private static void PassOn(ExecFrameKind kind, ref int from)
    {
        Span<byte> room = new(s_outgoing + SecureChannel.LengthSize + ExecFrame.HeaderSize, ExecFrame.MaxData);
        int count = Syscall.Read(from, room);
        if (count is EAGAIN or EINTR)
            return;
        if (count > 0)
        {
            Send(kind, count);
            return;
        }
        // Of a terminal this is where its last other end was closed.
        Syscall.Close(from);
        if (from == s_input)
            s_input = -1;
        from = -1;
    }

    private static void HearClient()
    {
        if (!Receive(out ExecFrameKind kind, out ReadOnlySpan<byte> data)
            || (kind != ExecFrameKind.Input && kind != ExecFrameKind.Size))
            Leave();
        if (kind == ExecFrameKind.Size)
        {
            if (s_input >= 0 && s_master >= 0)
                Terminal.Resize(s_master, data);
            return;
        }
        s_dataEnd = s_dataAt + data.Length;
        if (data.Length == 0)
            CloseInput();
        else
            FeedProgram();
    }

    private static void FeedProgram()
    {
        int count = s_input < 0
            ? s_dataEnd - s_dataAt
            : Syscall.Write(s_input, new Span<byte>(s_incoming + s_dataAt, s_dataEnd - s_dataAt));
        if (count is EAGAIN or EINTR)
            return;
        if (count < 0)
        {
            // The program reads no more: what else comes for it goes nowhere.
            CloseInput();
            count = s_dataEnd - s_dataAt;
        }
        s_dataAt += count;
    }

    private static void CloseInput()
    {
        // Who has a terminal hears of the end of its input from there.
        if (s_input >= 0 && s_master < 0)
            Syscall.Close(s_input);
        s_input = -1;
    }

    /// <summary>
    /// The next frame. Its data stays where it is, from <see cref="s_dataAt"/> on, until the next call. False when the
    /// connection has ended, or says what makes no sense.
    /// </summary>
    private static bool Receive(out ExecFrameKind kind, out ReadOnlySpan<byte> data)
    {
        kind = 0;
        data = default;
        s_received = 0;
        int size = SecureChannel.LengthSize;
        while (s_received < size)
        {
            int count = Syscall.Read(s_socket, new Span<byte>(s_incoming + s_received, size - s_received));
            if (count == EINTR)
                continue;
            if (count <= 0)
                return false;
            s_received += count;
            if (size != SecureChannel.LengthSize || s_received < size)
                continue;
            size = SecureChannel.RecordSize(new Span<byte>(s_incoming, s_received));
            if (size < 0)
                return false;
        }
        int length = s_channel.Open(new Span<byte>(s_incoming, size));
        s_dataAt = SecureChannel.LengthSize + ExecFrame.HeaderSize;
        s_dataEnd = s_dataAt;
        return length >= 0
            && ExecFrame.TryParse(new Span<byte>(s_incoming + SecureChannel.LengthSize, length), out kind, out data);
    }

    private static void Tell(ExecFrameKind kind, ReadOnlySpan<byte> data)
    {
        data.CopyTo(new Span<byte>(s_outgoing + SecureChannel.LengthSize + ExecFrame.HeaderSize, ExecFrame.MaxData));
        Send(kind, data.Length);
    }

    /// <summary>Sends a frame whose data stands in its place already.</summary>
    private static void Send(ExecFrameKind kind, int length)
    {
        ExecFrame.Emit(
            new Span<byte>(s_outgoing + SecureChannel.LengthSize, ExecFrame.HeaderSize), kind, length);
        SendRecord(ExecFrame.HeaderSize + length);
    }

    private static void Event(GuestEventKind kind, ReadOnlySpan<byte> text)
    {
        Span<byte> message = new(s_outgoing + SecureChannel.LengthSize, GuestEvent.HeaderSize + GuestEvent.MaxText);
        GuestEvent.Emit(message, kind, 0, text.Length);
        text.CopyTo(message.Slice(GuestEvent.HeaderSize));
        SendRecord(GuestEvent.HeaderSize + text.Length);
    }

    private static void SendRecord(int length)
    {
        int size = s_channel.Seal(new Span<byte>(s_outgoing, SecureChannel.MaxRecord), length);
        int at = 0;
        while (at < size)
        {
            int count = Inet.Send(s_socket, new Span<byte>(s_outgoing + at, size - at));
            if (count == EINTR)
                continue;
            if (count <= 0)
                Leave();
            at += count;
        }
    }

    // Where there is memory to say it in; otherwise the end of the connection says it.
    private static void Refuse(ReadOnlySpan<byte> sentence)
    {
        if (s_outgoing != null)
            Event(GuestEventKind.Refused, sentence);
        Syscall.Exit(1);
    }

    /// <summary>The client has gone: so does the program with all that it has started and not set apart.</summary>
    private static void Leave()
    {
        if (s_master >= 0)
            Syscall.Close(s_master); // which hangs up
        if (s_program > 0)
            Host.EndGroup(s_program);
        Syscall.Exit(1);
    }
}
