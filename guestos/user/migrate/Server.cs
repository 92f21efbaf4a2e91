using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Migrate;

/// <summary>One connection to the command port.</summary>
internal unsafe struct Served
{
    /// <summary>The largest thing that a client says: one command in a record.</summary>
    public const int Room = SecureChannel.LengthSize + MoveCommand.Size + SecureChannel.TagSize;

    /// <summary>Served: the move that is under way was commanded by it.</summary>
    public Place Place;

    public int Socket;
    public int Received;

    /// <summary>When patience with it ends, in nanoseconds.</summary>
    public ulong Deadline;

    public SecureChannel Channel;
    public fixed byte Buffer[Room];

    /// <param name="patience">Nanoseconds.</param>
    public void Enter(PlaceState state, ulong patience)
    {
        Place.State = state;
        Place.Since = Timing.Now();
        Deadline = patience == ulong.MaxValue ? patience : Place.Since + patience;
    }
}

/// <summary>
/// <c>migrate --serve</c>: commands to move on port 1708 from who has the guest's key (docs/protocols.md, "Guest
/// commands"). One process for all clients, which lives through every move; a move is a child of it, so that its end is
/// never this one's.
/// </summary>
/// <remarks>
/// Constant memory. Who is silent, or repeats what others have said, keeps no place from those who have the key.
/// </remarks>
internal static unsafe class Server
{
    private const int Clients = 8;

    // Behind the clients among what is waited for.
    private const int Listener = Clients;
    private const int Mover = Clients + 1;

    /// <summary>Programs that run for clients at a time.</summary>
    private const int MaxSessions = 16;

    private const ulong HelloPatience = 5 * Timing.NanosecondsInSecond;
    private const ulong CommandPatience = 600 * Timing.NanosecondsInSecond;

    private static Served* s_clients;
    private static Bytes32 s_preSharedKey;
    private static RecentKeys s_recent;
    private static int s_listener;

    // Processes of programs that run for clients; 0 where there is none.
    private static int* s_sessions;

    // The move that is under way.
    private static int s_child;
    private static int s_pipe = -1;
    private static Served* s_commander;
    private static bool s_hasEnded;

    public static ExitCode Run(in Options options)
    {
        Span<byte> key = stackalloc byte[MachineKey.Size];
        byte* path = options.Key;
        // SAFETY: a literal's data stays where it is and ends with a zero.
        if (path == null)
            fixed (byte* standard = "/etc/evilman/guest.key\0"u8)
                path = standard;
        if (!Keys.TryRead(path, key))
        {
            return Report.Failed(
                ExitCode.Usage, "migrate: There is no guest key, so nobody can command this machine to move."u8);
        }
        SecureChannel.PreSharedKey(key, s_preSharedKey);
        s_clients = (Served*)Host.Allocate(Clients * sizeof(Served));
        s_sessions = (int*)Host.Allocate(MaxSessions * sizeof(int));
        s_listener = Inet.Listen(MoveCommand.Port, Clients);
        if (s_clients == null || s_sessions == null || s_listener < 0)
            return Report.Failed(ExitCode.NoConnection, "migrate: The command port cannot be opened."u8);
        while (true)
            Serve(options);
    }

    // Waits for whoever has something to say, and serves all that do.
    private static void Serve(in Options options)
    {
        Span<PollDescriptor> polls = stackalloc PollDescriptor[Clients + 2];
        // A client in the queue of the listener, for whom there is no place, is looked at again when one gives way.
        int choice = Choose(out ulong next);
        bool hasRoom = choice >= 0;
        for (int i = 0; i < Clients; i++)
            polls[i] = WaitFor(s_clients[i].Socket, s_clients[i].Place.State != PlaceState.Free);
        polls[Listener] = WaitFor(s_listener, hasRoom);
        polls[Mover] = WaitFor(s_pipe, true);
        Timing.Poll(polls, NextDeadline(hasRoom ? ulong.MaxValue : next));
        if (polls[Mover].Returned != 0)
            HearMover();
        for (int i = 0; i < Clients; i++)
            if (s_clients[i].Place.State != PlaceState.Free)
                Step(s_clients + i, polls[i].Returned != 0, options);
        if (polls[Listener].Returned != 0)
            Accept(options);
    }

    private static PollDescriptor WaitFor(int descriptor, bool isWanted) => new()
    {
        Descriptor = isWanted ? descriptor : -1,
        Events = POLLIN,
    };

    private static int Choose(out ulong next)
    {
        Span<Place> places = stackalloc Place[Clients];
        for (int i = 0; i < Clients; i++)
            places[i] = s_clients[i].Place;
        return Places.Choose(places, Timing.Now(), out next);
    }

    /// <summary>Milliseconds, or -1 for never.</summary>
    private static int NextDeadline(ulong next)
    {
        ulong now = Timing.Now();
        for (int i = 0; i < Clients; i++)
            if (s_clients[i].Place.State != PlaceState.Free)
                next = Math.Min(next, s_clients[i].Deadline);
        if (next == ulong.MaxValue)
            return -1;
        return next <= now ? 0 : (int)((next - now) / 1_000_000) + 1;
    }

    private static void Accept(in Options options)
    {
        int choice = Choose(out _);
        int socket = choice < 0 ? choice : Inet.Accept(s_listener);
        if (socket < 0)
            return;
        // What he says is there already: who only repeats it is gone again before anybody gives way to him.
        Inet.SetNoDelay(socket);
        Served newcomer = default;
        newcomer.Socket = socket;
        newcomer.Enter(PlaceState.Silent, HelloPatience);
        Step(&newcomer, true, options);
        if (newcomer.Place.State == PlaceState.Free)
            return;
        Drop(s_clients + choice);
        s_clients[choice] = newcomer;
    }

    /// <summary>
    /// Ends the connection. That of a client who has not proved himself is reset: the refusal, if there was one, is on
    /// its way, and the kernel keeps nothing until the client has acknowledged it.
    /// </summary>
    private static void Drop(Served* client)
    {
        if (client->Place.State is PlaceState.Silent or PlaceState.Answered)
            Inet.SetAbortive(client->Socket);
        if (client->Place.State != PlaceState.Free)
            Syscall.Close(client->Socket);
        if (s_commander == client)
            s_commander = null;
        *client = default;
    }

    private static void Step(Served* client, bool isReady, in Options options)
    {
        if (Timing.Now() >= client->Deadline)
        {
            Drop(client);
            return;
        }
        if (!isReady)
            return;
        int wanted = client->Place.State == PlaceState.Silent ? ChannelHello.MessageSize : Served.Room;
        var room = new Span<byte>(client->Buffer + client->Received, wanted - client->Received);
        int count = Syscall.Read(client->Socket, room);
        if (count is EAGAIN or EINTR)
            return;
        if (count <= 0)
        {
            Drop(client);
            return;
        }
        client->Received += count;
        if (client->Place.State == PlaceState.Silent)
            HearHello(client);
        else
            HearCommand(client, options);
    }

    private static void HearHello(Served* client)
    {
        Span<byte> all = new(client->Buffer, ChannelHello.MessageSize);
        if (client->Received < ChannelHello.Size)
            return;
        ReadOnlySpan<byte> hello = all.Slice(0, ChannelHello.Size);
        ChannelStatus status = ChannelHello.Parse(hello, MoveCommand.HelloMagic, MoveCommand.HelloVersion);
        if (status == ChannelStatus.Accepted && client->Received < ChannelHello.MessageSize)
            return;
        Span<byte> answer = stackalloc byte[ChannelHello.MessageSize];
        if (status == ChannelStatus.Accepted)
        {
            ReadOnlySpan<byte> message = all.Slice(ChannelHello.Size);
            ReadOnlySpan<byte> key = message.Slice(0, X25519.KeySize);
            if (s_recent.Contains(key))
            {
                Drop(client);
                return;
            }
            Span<byte> secret = stackalloc byte[Bytes32.Size];
            Host.Random(secret);
            NoiseHandshake handshake = NoiseHandshake.Start(hello, s_preSharedKey, secret);
            bool isGood = handshake.ReadFirst(message, default);
            if (isGood)
                s_recent.Add(key);
            if (isGood && handshake.WriteSecond(default, answer.Slice(ChannelHello.Size)))
                client->Channel = SecureChannel.OfResponder(ref handshake);
            else
                status = ChannelStatus.NotAuthenticated;
        }
        ChannelHello.EmitAnswer(answer, status);
        if (status != ChannelStatus.Accepted)
            answer = answer.Slice(0, ChannelHello.Size);
        bool isSent = Inet.Send(client->Socket, answer) == answer.Length;
        if (!isSent || status != ChannelStatus.Accepted)
        {
            Drop(client);
            return;
        }
        client->Enter(PlaceState.Answered, HelloPatience);
        client->Received = 0;
    }

    private static void HearCommand(Served* client, in Options options)
    {
        Span<byte> buffer = new(client->Buffer, Served.Room);
        int size = SecureChannel.RecordSize(buffer.Slice(0, client->Received));
        if (size == 0 || (size > 0 && size <= Served.Room && client->Received < size))
            return;
        if (size < 0 || size > Served.Room || client->Channel.Open(buffer.Slice(0, size)) < 0)
        {
            Drop(client);
            return;
        }
        if (client != s_commander)
            client->Enter(PlaceState.Proved, CommandPatience);
        // A client waits for its answer before it says more.
        client->Received = 0;
        int length = size - SecureChannel.LengthSize - SecureChannel.TagSize;
        ReadOnlySpan<byte> text = buffer.Slice(SecureChannel.LengthSize, length);
        if (ExecCommand.TryParse(text, out int words, out bool hasTerminal))
            BeginSession(client, words, hasTerminal);
        else if (CancelCommand.Is(text))
            Cancel(client);
        else if (!MoveCommand.TryParse(text, out MoveCommand command, out ReadOnlySpan<byte> key))
            Tell(client, GuestEventKind.Refused, "This guest does not know such a command."u8);
        else if (s_child != 0)
            Tell(client, GuestEventKind.Refused, "A move is under way."u8);
        else
            Begin(client, command, key, options);
    }

    private static void Begin(Served* client, in MoveCommand command, ReadOnlySpan<byte> key, in Options options)
    {
        Span<int> ends = stackalloc int[2];
        if (Host.Pipe(ends) < 0)
        {
            Tell(client, GuestEventKind.Refused, "This guest is out of memory."u8);
            return;
        }
        int process = Host.Fork();
        if (process == 0)
        {
            Syscall.Close(ends[0]);
            Syscall.Close(s_listener);
            for (int i = 0; i < Clients; i++)
                if (s_clients[i].Place.State != PlaceState.Free)
                    Syscall.Close(s_clients[i].Socket);
            Report.Pipe = ends[1];
            Options asked = options;
            asked.Take(command);
            Syscall.Exit((int)Program.Move(asked, key));
        }
        Syscall.Close(ends[1]);
        if (process < 0)
        {
            Syscall.Close(ends[0]);
            Tell(client, GuestEventKind.Refused, "This guest is out of memory."u8);
            return;
        }
        s_child = process;
        s_pipe = ends[0];
        s_commander = client;
        client->Enter(PlaceState.Served, ulong.MaxValue);
        s_hasEnded = false;
        Tell(client, GuestEventKind.Started, default);
    }

    /// <summary>
    /// Before its commit a move is over with the process that makes it; from then on none of the guest runs here.
    /// </summary>
    private static void Cancel(Served* client)
    {
        if (s_child == 0)
        {
            Tell(client, GuestEventKind.Refused, "No move is under way."u8);
            return;
        }
        Host.Kill(s_child);
        Tell(client, GuestEventKind.Progress, "The move is given up."u8);
    }

    /// <summary>Hands the connection over to a process of its own, which runs a program for the client.</summary>
    private static void BeginSession(Served* client, int words, bool hasTerminal)
    {
        int place = 0;
        while (place < MaxSessions && s_sessions[place] != 0 && !Host.HasEnded(s_sessions[place]))
            place++;
        int process = place == MaxSessions ? EAGAIN : Host.Fork();
        if (process == 0)
        {
            Syscall.Close(s_listener);
            if (s_pipe >= 0)
                Syscall.Close(s_pipe);
            for (int i = 0; i < Clients; i++)
                if (s_clients[i].Place.State != PlaceState.Free && s_clients + i != client)
                    Syscall.Close(s_clients[i].Socket);
            Session.Run(client->Socket, client->Channel, words, hasTerminal);
        }
        if (process < 0)
        {
            Tell(client, GuestEventKind.Refused, "This guest runs as many programs for others as it can."u8);
            return;
        }
        s_sessions[place] = process;
        Drop(client);
    }

    /// <summary>Passes on what the move says.</summary>
    private static void HearMover()
    {
        int passed;
        do
            passed = PassOn();
        while (passed > 0);
        if (passed is EAGAIN or EINTR)
            return;
        Syscall.Close(s_pipe);
        Host.Await(s_child);
        s_pipe = -1;
        s_child = 0;
        if (!s_hasEnded && s_commander != null)
            Tell(s_commander, GuestEventKind.Failed, "The move was killed."u8, (byte)ExitCode.Broken);
        if (s_commander != null)
            s_commander->Enter(PlaceState.Proved, CommandPatience);
        s_commander = null;
    }

    // One event: more than 0, EAGAIN or EINTR when there is none now, else the move says nothing any more.
    private static int PassOn()
    {
        Span<byte> record = stackalloc byte[GuestEvent.HeaderSize + GuestEvent.MaxText];
        Span<byte> header = record.Slice(0, GuestEvent.HeaderSize);
        int count = Syscall.Read(s_pipe, header);
        if (count != header.Length)
            return Math.Min(count, 0);
        if (!GuestEvent.TryParse(header, out GuestEventKind kind, out _, out int length))
            return 0;
        Span<byte> text = record.Slice(GuestEvent.HeaderSize, length);
        if (length > 0 && Syscall.Read(s_pipe, text) != length)
            return 0;
        s_hasEnded |= kind is GuestEventKind.Failed or GuestEventKind.Arrived;
        if (s_commander != null)
            Tell(s_commander, record.Slice(0, GuestEvent.HeaderSize + length));
        else
            Syscall.Write(1, text);
        return count;
    }

    private static void Tell(Served* client, GuestEventKind kind, scoped ReadOnlySpan<byte> text, byte exitCode = 0)
    {
        Span<byte> message = stackalloc byte[GuestEvent.HeaderSize + GuestEvent.MaxText];
        GuestEvent.Emit(message, kind, exitCode, text.Length);
        text.CopyTo(message.Slice(GuestEvent.HeaderSize));
        Tell(client, message.Slice(0, GuestEvent.HeaderSize + text.Length));
    }

    /// <summary>A client who does not take what he is told loses his connection; the move goes on.</summary>
    private static void Tell(Served* client, scoped ReadOnlySpan<byte> message)
    {
        const int MaxMessage = GuestEvent.HeaderSize + GuestEvent.MaxText;
        Span<byte> record = stackalloc byte[SecureChannel.LengthSize + MaxMessage + SecureChannel.TagSize];
        message.CopyTo(record.Slice(SecureChannel.LengthSize));
        int size = client->Channel.Seal(record, message.Length);
        if (Inet.Send(client->Socket, record.Slice(0, size)) != size)
            Drop(client);
    }
}
