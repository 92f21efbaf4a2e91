using System;
using Wire;

namespace Migrate;

/// <summary>One connection to the command port.</summary>
internal unsafe struct Served
{
    /// <summary>The largest thing that a client says: one command in a record.</summary>
    public const int Room = SecureChannel.LengthSize + MoveCommand.Size + SecureChannel.TagSize;

    /// <summary>Served: the move that is under way was commanded by it.</summary>
    public Place Place;

    public int Socket, Received;

    /// <summary>When patience with it ends, in nanoseconds.</summary>
    public ulong Deadline;

    public SecureChannel Channel;
    public fixed byte Buffer[Room];

    /// <param name="patience">Nanoseconds.</param>
    public void Enter(PlaceState state, ulong patience)
    {
        Place.State = state;
        Place.Since = Kernel.Now();
        Deadline = patience == ulong.MaxValue ? patience : Place.Since + patience;
    }
}

/// <summary>
/// <c>migrate --serve</c>: commands to move on port 1708 from who has the guest's key (docs/protocols.md, "Guest commands"). One process
/// for all clients, which lives through every move; a move is a child of it, so that its end is never this one's.
/// </summary>
/// <remarks>
/// Constant memory. Who is silent, or repeats what others have said, keeps no place from those who have the key.
/// </remarks>
internal static unsafe class Server
{
    private const int Clients = 8, Listener = Clients, Mover = Clients + 1;
    private const ulong Second = 1_000_000_000;
    private const ulong HelloPatience = 5 * Second, CommandPatience = 600 * Second;

    private static Served* clients;
    private static Bytes32 preSharedKey;
    private static RecentKeys recent;
    private static int listener;

    // The move that is under way.
    private static int child, pipe = -1;
    private static Served* commander;
    private static bool hasEnded;

    public static ExitCode Run(in Options options)
    {
        Span<byte> key = stackalloc byte[MachineKey.Size];
        byte* path = options.Key;
        if (path == null)
            fixed (byte* standard = "/etc/evilman/guest.key\0"u8)
                path = standard;
        if (!Keys.TryRead(path, key))
            return Line.Of("migrate: There is no guest key, so nobody can command this machine to move."u8).Complain(ExitCode.Usage);
        SecureChannel.PreSharedKey(key, preSharedKey);
        clients = (Served*)Kernel.Allocate(Clients * sizeof(Served));
        listener = Kernel.Listen(MoveCommand.Port, Clients);
        if (clients == null || listener < 0)
            return Line.Of("migrate: The command port cannot be opened."u8).Complain(ExitCode.NoConnection);
        Kernel.PollEntry* entries = stackalloc Kernel.PollEntry[Clients + 2];
        while (true)
        {
            // Whoever waits at the door while there is no place for him is looked at again when one gives way.
            int choice = Choose(out ulong next);
            for (int i = 0; i < Clients; i++)
                entries[i] = new() { Descriptor = clients[i].Place.State == PlaceState.Free ? -1 : clients[i].Socket, Events = Kernel.PollIn };
            entries[Listener] = new() { Descriptor = choice < 0 ? -1 : listener, Events = Kernel.PollIn };
            entries[Mover] = new() { Descriptor = pipe, Events = Kernel.PollIn };
            Kernel.Poll(entries, Clients + 2, NextDeadline(choice < 0 ? next : ulong.MaxValue));
            if (entries[Mover].Result != 0)
                HearMover();
            for (int i = 0; i < Clients; i++)
                if (clients[i].Place.State != PlaceState.Free)
                    Step(clients + i, entries[i].Result != 0, options);
            if (entries[Listener].Result != 0)
                Accept(options);
        }
    }

    private static int Choose(out ulong next)
    {
        Span<Place> places = stackalloc Place[Clients];
        for (int i = 0; i < Clients; i++)
            places[i] = clients[i].Place;
        return Places.Choose(places, Kernel.Now(), out next);
    }

    /// <summary>Milliseconds, or -1 for never.</summary>
    private static int NextDeadline(ulong next)
    {
        ulong now = Kernel.Now();
        for (int i = 0; i < Clients; i++)
            if (clients[i].Place.State != PlaceState.Free)
                next = Math.Min(next, clients[i].Deadline);
        return next == ulong.MaxValue ? -1 : next <= now ? 0 : (int)((next - now) / 1_000_000) + 1;
    }

    private static void Accept(in Options options)
    {
        int choice = Choose(out _);
        int socket = choice < 0 ? choice : Kernel.Accept(listener);
        if (socket < 0)
            return;
        // What he says is there already: who only repeats it is gone again before anybody gives way to him.
        Kernel.SetNoDelay(socket);
        Served newcomer = default;
        newcomer.Socket = socket;
        newcomer.Enter(PlaceState.Silent, HelloPatience);
        Step(&newcomer, true, options);
        if (newcomer.Place.State == PlaceState.Free)
            return;
        Drop(clients + choice);
        clients[choice] = newcomer;
    }

    /// <summary>
    /// Ends the connection. That of a client who has not proved himself is reset: the refusal, if there was one, is on
    /// its way, and the kernel keeps nothing until the client has acknowledged it.
    /// </summary>
    private static void Drop(Served* client)
    {
        if (client->Place.State is PlaceState.Silent or PlaceState.Answered)
            Kernel.SetLinger(client->Socket, 0);
        if (client->Place.State != PlaceState.Free)
            Kernel.Close(client->Socket);
        if (commander == client)
            commander = null;
        *client = default;
    }

    private static void Step(Served* client, bool isReady, in Options options)
    {
        if (Kernel.Now() >= client->Deadline)
        {
            Drop(client);
            return;
        }
        if (!isReady)
            return;
        int wanted = client->Place.State == PlaceState.Silent ? ChannelHello.MessageSize : Served.Room;
        nint count = Kernel.Read(client->Socket, client->Buffer + client->Received, wanted - client->Received);
        if (count == -Kernel.AgainError || count == -Kernel.InterruptedError)
            return;
        if (count <= 0)
        {
            Drop(client);
            return;
        }
        client->Received += (int)count;
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
        ChannelStatus status = ChannelHello.Parse(all.Slice(0, ChannelHello.Size), MoveCommand.HelloMagic, MoveCommand.HelloVersion);
        if (status == ChannelStatus.Accepted && client->Received < ChannelHello.MessageSize)
            return;
        Span<byte> answer = stackalloc byte[ChannelHello.MessageSize];
        if (status == ChannelStatus.Accepted)
        {
            ReadOnlySpan<byte> message = all.Slice(ChannelHello.Size), key = message.Slice(0, X25519.KeySize);
            if (recent.Contains(key))
            {
                Drop(client);
                return;
            }
            Span<byte> secret = stackalloc byte[Bytes32.Size];
            Kernel.Random(secret);
            NoiseHandshake handshake = NoiseHandshake.Start(all.Slice(0, ChannelHello.Size), preSharedKey, secret);
            bool isGood = handshake.ReadFirst(message, default);
            if (isGood)
                recent.Add(key);
            if (isGood && handshake.WriteSecond(default, answer.Slice(ChannelHello.Size)))
                client->Channel = SecureChannel.OfResponder(ref handshake);
            else
                status = ChannelStatus.NotAuthenticated;
        }
        ChannelHello.EmitAnswer(answer, status);
        int length = status == ChannelStatus.Accepted ? answer.Length : ChannelHello.Size;
        fixed (byte* bytes = answer)
            if (Kernel.Send(client->Socket, bytes, length) != length || status != ChannelStatus.Accepted)
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
        if (client != commander)
            client->Enter(PlaceState.Proved, CommandPatience);
        client->Received = 0; // a client waits for its answer before it says more
        if (!MoveCommand.TryParse(buffer.Slice(SecureChannel.LengthSize, size - SecureChannel.LengthSize - SecureChannel.TagSize), out MoveCommand command, out ReadOnlySpan<byte> key))
            Tell(client, GuestEventKind.Refused, "This guest does not know such a command."u8);
        else if (child != 0)
            Tell(client, GuestEventKind.Refused, "A move is under way."u8);
        else
            Begin(client, command, key, options);
    }

    private static void Begin(Served* client, in MoveCommand command, ReadOnlySpan<byte> key, in Options options)
    {
        int* ends = stackalloc int[2];
        if (Kernel.Pipe(ends) < 0)
        {
            Tell(client, GuestEventKind.Refused, "This guest is out of memory."u8);
            return;
        }
        int process = Kernel.Fork();
        if (process == 0)
        {
            Kernel.Close(ends[0]);
            Kernel.Close(listener);
            for (int i = 0; i < Clients; i++)
                if (clients[i].Place.State != PlaceState.Free)
                    Kernel.Close(clients[i].Socket);
            Voice.Pipe = ends[1];
            Options asked = options;
            asked.Take(command);
            Kernel.Exit((int)Program.Move(asked, key));
        }
        Kernel.Close(ends[1]);
        if (process < 0)
        {
            Kernel.Close(ends[0]);
            Tell(client, GuestEventKind.Refused, "This guest is out of memory."u8);
            return;
        }
        child = process;
        pipe = ends[0];
        commander = client;
        client->Enter(PlaceState.Served, ulong.MaxValue);
        hasEnded = false;
        Tell(client, GuestEventKind.Started, default);
    }

    /// <summary>Passes on what the move says.</summary>
    private static void HearMover()
    {
        Span<byte> record = stackalloc byte[GuestEvent.HeaderSize + GuestEvent.MaxText];
        fixed (byte* bytes = record)
        {
            while (true)
            {
                nint count = Kernel.Read(pipe, bytes, GuestEvent.HeaderSize);
                if (count == -Kernel.AgainError || count == -Kernel.InterruptedError)
                    return;
                if (count != GuestEvent.HeaderSize || !GuestEvent.TryParse(record.Slice(0, GuestEvent.HeaderSize), out GuestEventKind kind, out _, out int length)
                    || (length > 0 && Kernel.Read(pipe, bytes + GuestEvent.HeaderSize, length) != length))
                    break;
                hasEnded |= kind is GuestEventKind.Failed or GuestEventKind.Arrived;
                if (commander != null)
                    Tell(commander, record.Slice(0, GuestEvent.HeaderSize + length));
                else
                    Kernel.Write(1, record.Slice(GuestEvent.HeaderSize, length));
            }
        }
        Kernel.Close(pipe);
        Kernel.Await(child);
        pipe = -1;
        child = 0;
        if (!hasEnded && commander != null)
            Tell(commander, GuestEventKind.Failed, "The move was killed."u8, (byte)ExitCode.Broken);
        if (commander != null)
            commander->Enter(PlaceState.Proved, CommandPatience);
        commander = null;
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
        Span<byte> record = stackalloc byte[SecureChannel.LengthSize + GuestEvent.HeaderSize + GuestEvent.MaxText + SecureChannel.TagSize];
        message.CopyTo(record.Slice(SecureChannel.LengthSize));
        int size = client->Channel.Seal(record, message.Length);
        fixed (byte* bytes = record)
            if (Kernel.Send(client->Socket, bytes, size) != size)
                Drop(client);
    }
}
