using System;
using Board;
using Netstack;
using Wire;

namespace Cstrap;

/// <summary>
/// Takes the one loader that the boot token permits, from a client that proves that it has the machine's key
/// (docs/protocols.md, "Secure channel" and "Upload"; thesis §8.2.1 step 3). A client without the key harms only its
/// own connection: while it is silent, or when it repeats a recorded message, it takes no place, and it never takes the
/// place of a client that has proved that it has the key.
/// </summary>
internal static unsafe class UploadServer
{
    private const ulong Second = 1_000_000_000;
    private const ulong RecordPatience = 10 * Second;
    private const ulong LeavingPatience = 2 * Second;

    /// <summary>How long an owner may be silent before another who has the key takes over.</summary>
    private const ulong OwnerPatience = 2 * Second;

    private const int Clients = 5;

    private static int s_listener;
    private static Client s_first;
    private static Client s_second;
    private static Client s_third;
    private static Client s_fourth;
    private static Client s_fifth;
    private static Bytes32 s_preSharedKey;
    private static RecentKeys s_recent;
    private static byte* s_scratch;

    // The owner's upload.
    private static int s_headerReceived;
    private static Bytes32 s_header;
    private static uint s_loaderLength;
    private static uint s_loaderReceived;
    private static uint s_flags;

    /// <summary>The client that has proved that it has the key, or null.</summary>
    public static Client* Owner { get; private set; }

    /// <summary>False once the loader has answered: from then on the owner is not replaced.</summary>
    public static bool MayBeReplaced { get; set; }

    /// <summary>Whether the owner has asked that the rest is not encrypted.</summary>
    public static bool IsPlain => (s_flags & Upload.Plain) != 0;

    /// <param name="record">Room for the record of a client that has yet to prove that it has the key.</param>
    public static void Begin(ReadOnlySpan<byte> machineKey, byte* record)
    {
        SecureChannel.PreSharedKey(machineKey, s_preSharedKey);
        s_scratch = record;
        s_listener = Network.Stack->Listen(0, Upload.Port, Clients, firstBytes: ChannelHello.MessageSize);
    }

    /// <summary>Clears all keys. Nobody can be served any more.</summary>
    public static void Wipe()
    {
        ((Span<byte>)s_preSharedKey).Clear();
        for (int i = 0; i < Clients; i++)
            *ClientAt(i) = default;
        s_recent = default;
        new Span<byte>(s_scratch, SecureChannel.MaxRecord).Clear();
    }

    /// <summary>Waits until the owner has brought the right loader. It then lies in its window.</summary>
    public static void Serve(in BootArguments arguments)
    {
        while (true)
        {
            bool busy = Network.Poll();
            busy |= Attend(out ulong deadline);
            if (Owner != null)
            {
                busy |= StepOwner(arguments, out bool done);
                if (done)
                    return;
            }
            // A client that was dropped may have renewed the lease.
            deadline = Math.Min(deadline, Owner == null ? Lease.Check() : Owner->Deadline);
            if (!busy)
                Network.Wait(deadline);
        }
    }

    /// <summary>Serves all clients but the owner. True when there was something to do.</summary>
    public static bool Attend(out ulong deadline)
    {
        bool busy = false;
        deadline = ulong.MaxValue;
        for (int i = 0; i < Clients; i++)
        {
            Client* client = ClientAt(i);
            if (client->Place.State is PlaceState.Free or PlaceState.Served)
                continue;
            busy |= Step(client);
            if (client->Place.State is not (PlaceState.Free or PlaceState.Served))
                deadline = Math.Min(deadline, client->Deadline);
        }
        return busy | Accept(ref deadline);
    }

    private static Client* ClientAt(int index)
    {
        // SAFETY: statics of an image without a collector do not move.
        fixed (Client* a = &s_first,
            b = &s_second,
            c = &s_third,
            d = &s_fourth,
            e = &s_fifth)
            return index switch
            {
                0 => a,
                1 => b,
                2 => c,
                3 => d,
                _ => e,
            };
    }

    /// <summary>
    /// Reads the first message of the next new connection. If it repeats no earlier one, its client gets a place that
    /// is free, or that of a client that can be replaced.
    /// </summary>
    /// <param name="deadline">Becomes earlier when a client waits for a place.</param>
    private static bool Accept(ref ulong deadline)
    {
        if ((Network.Stack->GetReadiness(s_listener) & Readiness.Acceptable) == 0)
            return false;
        Span<Place> places = stackalloc Place[Clients];
        for (int i = 0; i < Clients; i++)
            places[i] = ClientAt(i)->Place;
        int choice = Places.Choose(places, Idle.Now, out ulong next);
        if (choice < 0)
        {
            deadline = Math.Min(deadline, next);
            return false;
        }
        Client newcomer = default;
        newcomer.Socket = Network.Stack->Accept(s_listener);
        if (newcomer.Socket < 0)
            return false;
        if (!HearHello(&newcomer))
        {
            Network.Stack->Abort(newcomer.Socket, Idle.Now);
            return true;
        }
        Client* place = ClientAt(choice);
        if (place->Place.State != PlaceState.Free)
            Drop(place);
        *place = newcomer;
        return true;
    }

    /// <summary>
    /// Takes what a client has sent that has not proved that it has the key. True when there was anything.
    /// </summary>
    private static bool Step(Client* client)
    {
        if (Idle.Now >= client->Deadline)
        {
            Drop(client);
            return true;
        }
        int result = client->Place.State == PlaceState.Answered
            ? HearFirstRecord(client)
            : Network.Stack->Receive(client->Socket, new Span<byte>(s_scratch, SecureChannel.MaxRecord), Idle.Now);
        if (result > 0)
            return true;
        if (result == SocketError.WouldBlock)
            return false;
        // The client has ended its stream, but the answer to it may still be on its way.
        if (result == 0 && client->Place.State == PlaceState.Leaving && !HasFinished(client))
            return false;
        Drop(client);
        return true;
    }

    /// <summary>Whether the client has acknowledged everything, to the end of the stream.</summary>
    private static bool HasFinished(Client* client)
    {
        Network.Stack->GetInformation(client->Socket, out ConnectionInformation information);
        return information.State is TcpState.TimeWait or TcpState.Closed;
    }

    /// <summary>
    /// The hello and the first message, which are there (<see cref="Begin"/>). They cost hashes but no multiplication
    /// unless they were made with the key, and not even hashes when they are a repetition. False when the connection
    /// is to be reset: the refusal is on its way, and nothing is kept until the client has acknowledged it.
    /// </summary>
    private static bool HearHello(Client* client)
    {
        Span<byte> all = new(s_scratch, ChannelHello.MessageSize);
        if (Network.Stack->CopyReceived(client->Socket, 0, all) < ChannelHello.MessageSize)
            return false; // it has been reset meanwhile
        ReadOnlySpan<byte> hello = all.Slice(0, ChannelHello.Size);
        ReadOnlySpan<byte> message = all.Slice(ChannelHello.Size);
        ReadOnlySpan<byte> key = message.Slice(0, X25519.KeySize);
        if (s_recent.Contains(key))
            return false;
        Network.Stack->Consume(client->Socket, ChannelHello.MessageSize, Idle.Now);
        ChannelStatus status = ChannelHello.Parse(hello, Upload.Magic, Upload.Version);
        Span<byte> answer = stackalloc byte[ChannelHello.MessageSize];
        if (status == ChannelStatus.Accepted)
        {
            Span<byte> secret = stackalloc byte[Bytes32.Size];
            Entropy.Next(secret);
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
        // A fresh connection's send ring has room for it.
        Network.Stack->Send(client->Socket,
            status == ChannelStatus.Accepted ? answer : answer.Slice(0, ChannelHello.Size), Idle.Now);
        if (status != ChannelStatus.Accepted)
            return false;
        client->Enter(PlaceState.Answered, RecordPatience);
        return true;
    }

    /// <summary>
    /// A record that can be decrypted proves that its sender has the key, and is no repetition: it is encrypted with a
    /// key of this handshake.
    /// </summary>
    private static int HearFirstRecord(Client* client)
    {
        int length = client->TakeRecord(s_scratch);
        if (length <= 0)
            return length;
        if (IsWithdrawal(new ReadOnlySpan<byte>(s_scratch + SecureChannel.LengthSize, length)))
        {
            Withdraw(client);
            return 1;
        }
        if (Owner != null && (!MayBeReplaced || Idle.Now - Owner->Progress < OwnerPatience))
        {
            Refuse(client, UploadRefusal.Busy, 0);
            return 1;
        }
        if (Owner != null)
        {
            Log.Line("a silent client gives way to another that has the key"u8);
            Drop(Owner);
        }
        Owner = client;
        MayBeReplaced = true;
        client->Enter(PlaceState.Served, RecordPatience);
        s_headerReceived = 0;
        s_loaderReceived = 0;
        s_flags = 0;
        Inbox.Put(new ReadOnlySpan<byte>(s_scratch + SecureChannel.LengthSize, length));
        return 1;
    }

    private static bool IsWithdrawal(ReadOnlySpan<byte> text) =>
        Upload.Parse(text, out _, out uint flags) == UploadRefusal.None && flags == Upload.Withdraw;

    /// <summary>
    /// Ends the owner's upload, even when a loader has answered already: the loader's next read fails
    /// (<see cref="Services"/>). Never called after a loader's last answer.
    /// </summary>
    private static void Withdraw(Client* client)
    {
        if (Owner != null)
        {
            Log.Line("a client that has the key has withdrawn what was begun"u8);
            Drop(Owner);
        }
        Answer(client, UploadRefusal.None, 0);
        Leave(client);
    }

    /// <summary>Takes what the owner has sent of header and loader. True when there was anything.</summary>
    /// <param name="done">It sent the whole loader, and the right one.</param>
    private static bool StepOwner(in BootArguments arguments, out bool done)
    {
        done = false;
        Client* owner = Owner;
        if (Idle.Now >= owner->Deadline)
        {
            Log.Line("a client was too slow"u8);
            Drop(owner);
            return true;
        }
        int count = Inbox.Fill(owner);
        if (count == SocketError.WouldBlock)
            return false;
        if (count <= 0)
        {
            Drop(owner);
            return true;
        }
        owner->Deadline = Idle.Now + RecordPatience;
        if (s_headerReceived < Upload.Size)
        {
            Span<byte> bytes = ((Span<byte>)s_header).Slice(0, Upload.Size);
            s_headerReceived += Inbox.Take(bytes.Slice(s_headerReceived));
            if (s_headerReceived < Upload.Size)
                return true;
            UploadRefusal refusal = Upload.Parse(bytes, out s_loaderLength, out s_flags);
            if (s_flags == Upload.Withdraw)
                refusal = UploadRefusal.BadHeader; // it did not come in a record of its own
            if (refusal != UploadRefusal.None)
            {
                Refuse(owner, refusal, refusal == UploadRefusal.BadLength ? Upload.MaxLoaderSize : 0);
                return true;
            }
        }
        // SAFETY: loaderReceived <= loaderLength <= MaxLoaderSize, and the window is larger and nobody else's.
        s_loaderReceived += (uint)Inbox.Take(new Span<byte>((byte*)GuestPhysical.Loader + s_loaderReceived,
            (int)(s_loaderLength - s_loaderReceived)));
        done = s_loaderReceived == s_loaderLength && Verify(owner, arguments);
        return true;
    }

    private static bool Verify(Client* client, in BootArguments arguments)
    {
        Span<byte> hash = stackalloc byte[Sha1.DigestSize];
        Sha1.Hash(new ReadOnlySpan<byte>((byte*)GuestPhysical.Loader, (int)s_loaderLength), hash);
        fixed (byte* permitted = arguments.LoaderHash)
            if (!hash.SequenceEqual(new ReadOnlySpan<byte>(permitted, Sha1.DigestSize)))
            {
                Refuse(client, UploadRefusal.WrongHash, 0);
                return false;
            }
        Answer(client, UploadRefusal.None, 0);
        Log.Line("accepted a loader"u8);
        return true;
    }

    private static void Refuse(Client* client, UploadRefusal refusal, ulong detail)
    {
        Log.Begin("refused an upload, reason "u8);
        Uart.WriteDecimal((ulong)refusal);
        Log.End();
        Answer(client, refusal, detail);
        Leave(client);
    }

    private static void Answer(Client* client, UploadRefusal refusal, ulong detail)
    {
        Span<byte> answer = stackalloc byte[UploadAnswer.Size];
        UploadAnswer.Emit(answer, UploadStage.Firmware, refusal, detail);
        client->Answer(answer);
    }

    /// <summary>
    /// Takes the owner's connection back from a loader that refused what came: the refusal is to reach the client.
    /// </summary>
    public static void Dismiss(Client* client)
    {
        if (client == Owner)
            Leave(client);
    }

    private static void Leave(Client* client)
    {
        GiveUp(client);
        Network.Stack->Shutdown(client->Socket, Idle.Now);
        client->Enter(PlaceState.Leaving, LeavingPatience);
    }

    private static void Drop(Client* client)
    {
        GiveUp(client);
        Network.Stack->Abort(client->Socket, Idle.Now);
        client->Place = default;
    }

    private static void GiveUp(Client* client)
    {
        if (client != Owner)
            return;
        Owner = null;
        Lease.Renew();
    }
}
