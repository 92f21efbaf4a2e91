using System;
using Wire;

namespace Migrate;

/// <summary>How far a client of the command port has come.</summary>
internal enum ServedState : byte
{
    None,

    /// <summary>Hello and first message are still coming.</summary>
    Hello,

    /// <summary>Its first message was made with the guest's key, perhaps long ago.</summary>
    Answered,

    /// <summary>A record of it has opened: it has the key now.</summary>
    Proved,
}

/// <summary>One connection to the command port.</summary>
internal unsafe struct Served
{
    /// <summary>The largest thing that a client says: one command in a record.</summary>
    public const int Room = SecureChannel.LengthSize + MoveCommand.Size + SecureChannel.TagSize;

    public ServedState State;
    public int Socket, Received;

    /// <summary>When it was accepted, and when patience with it ends.</summary>
    public ulong Since, Deadline;

    public SecureChannel Channel;
    public fixed byte Buffer[Room];
}

/// <summary>
/// <c>migrate --serve</c>: commands to move on port 1708 from who has the guest's key (docs/protocols.md, "Guest commands"). One process
/// for all clients, which lives through every move; a move is a child of it, so that its end is never this one's.
/// </summary>
/// <remarks>
/// Constant memory. A place is taken from whoever has come least far, and of these from who came first; a client who has proved himself
/// keeps his while strangers have any.
/// </remarks>
internal static unsafe class Server
{
    private const int Clients = 8, Listener = Clients, Mover = Clients + 1;
    private const ulong Second = 1_000_000_000;
    private const ulong HelloPatience = 5 * Second, CommandPatience = 600 * Second;

    private static Served* clients;
    private static Bytes32 preSharedKey;
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
            for (int i = 0; i < Clients; i++)
                entries[i] = new() { Descriptor = clients[i].State == ServedState.None ? -1 : clients[i].Socket, Events = Kernel.PollIn };
            entries[Listener] = new() { Descriptor = listener, Events = Kernel.PollIn };
            entries[Mover] = new() { Descriptor = pipe, Events = Kernel.PollIn };
            Kernel.Poll(entries, Clients + 2, NextDeadline());
            if (entries[Mover].Result != 0)
                HearMover();
            for (int i = 0; i < Clients; i++)
                if (clients[i].State != ServedState.None)
                    Step(clients + i, entries[i].Result != 0, options);
            if (entries[Listener].Result != 0)
                Accept();
        }
    }

    /// <summary>Milliseconds, or -1 for never.</summary>
    private static int NextDeadline()
    {
        ulong next = ulong.MaxValue, now = Kernel.Now();
        for (int i = 0; i < Clients; i++)
            if (clients[i].State != ServedState.None)
                next = Math.Min(next, clients[i].Deadline);
        return next == ulong.MaxValue ? -1 : next <= now ? 0 : (int)((next - now) / 1_000_000) + 1;
    }

    private static void Accept()
    {
        int socket = Kernel.Accept(listener);
        if (socket < 0)
            return;
        Served* place = clients;
        for (int i = 1; i < Clients; i++)
        {
            Served* client = clients + i;
            if (client == commander || place == commander ? place == commander : Less(client, place))
                place = client;
        }
        Drop(place);
        place->State = ServedState.Hello;
        place->Socket = socket;
        place->Since = Kernel.Now();
        place->Deadline = place->Since + HelloPatience;
        Kernel.SetNoDelay(socket);
    }

    private static bool Less(Served* one, Served* other) => one->State < other->State || (one->State == other->State && one->Since < other->Since);

    private static void Drop(Served* client)
    {
        if (client->State != ServedState.None)
            Kernel.Close(client->Socket);
        if (commander == client)
            commander = null;
        *client = default;
    }

    private static void Step(Served* client, bool isReady, in Options options)
    {
        if (Kernel.Now() >= client->Deadline && client != commander)
        {
            Drop(client);
            return;
        }
        if (!isReady)
            return;
        int wanted = client->State == ServedState.Hello ? ChannelHello.MessageSize : Served.Room;
        nint count = Kernel.Read(client->Socket, client->Buffer + client->Received, wanted - client->Received);
        if (count == -Kernel.AgainError || count == -Kernel.InterruptedError)
            return;
        if (count <= 0)
        {
            Drop(client);
            return;
        }
        client->Received += (int)count;
        if (client->State == ServedState.Hello)
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
            Span<byte> secret = stackalloc byte[Bytes32.Size];
            Kernel.Random(secret);
            NoiseHandshake handshake = NoiseHandshake.Start(all.Slice(0, ChannelHello.Size), preSharedKey, secret);
            if (handshake.ReadFirst(all.Slice(ChannelHello.Size), default) && handshake.WriteSecond(default, answer.Slice(ChannelHello.Size)))
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
        client->State = ServedState.Answered;
        client->Received = 0;
        client->Deadline = Kernel.Now() + HelloPatience;
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
        client->State = ServedState.Proved;
        client->Deadline = Kernel.Now() + CommandPatience;
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
                if (clients[i].State != ServedState.None)
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
        {
            Tell(commander, GuestEventKind.Failed, "The move was killed."u8, (byte)ExitCode.Broken);
        }
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
