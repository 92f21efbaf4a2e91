using System;
using Board;
using Netstack;
using Wire;

namespace Cstrap;

/// <summary>
/// The firmware's services for a loader, over the connection that brought it. The loader reads and writes plain text;
/// on the wire it is encrypted, unless the client asked for it not to be.
/// </summary>
internal static unsafe class Services
{
    private static Client* s_client;
    private static byte* s_outbox;
    private static StartInfo s_startInfo;

    /// <summary>Longest wait for a peer that sends nothing: whether it is busy or gone cannot be known.</summary>
    private const ulong Patience = 30_000_000_000;

    /// <summary>Longest wait for the device to send what it was given.</summary>
    private const ulong TransmitPatience = 100_000_000;

    /// <param name="record">Room for the record that is being sent.</param>
    /// <param name="zerosFrom">See <see cref="ServiceTable.ZerosFrom"/>.</param>
    public static void Fill(ServiceTable* table, Client* owner, byte* record, in StartInfo information,
        ulong startInfoPhysical, ulong zerosFrom)
    {
        s_client = owner;
        s_outbox = record;
        s_startInfo = information;
        *table = default;
        table->Magic = ServiceTable.ExpectedMagic;
        table->Version = ServiceTable.ExpectedVersion;
        table->StartInfo = startInfoPhysical;
        table->MemoryEnd = information.MemoryEnd;
        table->Receive = &Receive;
        table->Send = &Send;
        table->Flush = &Flush;
        table->Write = &Write;
        table->Quiesce = &Quiesce;
        table->Reset = &Reset;
        table->CounterKilohertz = Idle.Time.CounterKilohertz;
        table->TimerKilohertz = Idle.Time.TimerKilohertz;
        table->Claim = &Claim;
        table->ZerosFrom = zerosFrom;
        Network.Stack->SetOption(owner->Socket, SocketOption.NoDelay, 1, Idle.Now);
    }

    private static long Receive(byte* to, ulong count)
    {
        // SAFETY: the loader answers for count bytes at to.
        Span<byte> room = new(to, (int)Math.Min(count, 0x40000000));
        // Mostly the rest of a record, which needs no look at the clock.
        if (!Inbox.IsEmpty && UploadServer.Owner == s_client)
            return Inbox.Take(room);
        ulong deadline = Idle.Now + Patience;
        while (true)
        {
            if (UploadServer.Owner != s_client)
                return -1;
            int received;
            if (UploadServer.IsPlain && Inbox.IsEmpty)
            {
                received = Network.Stack->Receive(s_client->Socket, room, Idle.Now);
                if (received > 0)
                    s_client->Progress = Idle.Now;
            }
            else
            {
                received = Inbox.Fill(s_client);
                if (received > 0)
                    received = Inbox.Take(room);
            }
            if (received != SocketError.WouldBlock)
                return received < 0 ? -1 : received;
            if (!AwaitProgress(deadline))
                return -1;
        }
    }

    private static long Send(byte* from, ulong count)
    {
        if (UploadServer.Owner != s_client)
            return -1;
        UploadServer.MayBeReplaced = false;
        // SAFETY: the loader answers for count bytes at from; a record's text is never longer than its room.
        if (UploadServer.IsPlain)
            return Transmit(from, count);
        while (count > 0)
        {
            int length = (int)Math.Min(count, SecureChannel.MaxText);
            Span<byte> record = new(s_outbox, SecureChannel.MaxRecord);
            new ReadOnlySpan<byte>(from, length).CopyTo(record.Slice(SecureChannel.LengthSize));
            if (Transmit(s_outbox, (ulong)s_client->Channel.Seal(record, length)) < 0)
                return -1;
            from += length;
            count -= (ulong)length;
        }
        return 0;
    }

    private static long Transmit(byte* from, ulong count)
    {
        ulong deadline = Idle.Now + Patience;
        while (count > 0)
        {
            if (UploadServer.Owner != s_client)
                return -1;
            int sent = Network.Stack->Send(s_client->Socket,
                new ReadOnlySpan<byte>(from, (int)Math.Min(count, 0x40000000)), Idle.Now);
            if (sent == SocketError.WouldBlock)
            {
                if (!AwaitProgress(deadline))
                    return -1;
                continue;
            }
            if (sent < 0)
                return -1;
            from += sent;
            count -= (ulong)sent;
            deadline = Idle.Now + Patience;
        }
        return 0;
    }

    private static long Flush(ulong milliseconds)
    {
        if (milliseconds == 0)
        {
            Network.Stack->Probe(s_client->Socket, Idle.Now);
            ulong patience = Idle.Now + TransmitPatience;
            while (!Network.IsTransmitted() && Idle.Now < patience)
                Network.Poll();
            return 0;
        }
        ulong deadline = Idle.Now + Math.Min(milliseconds, 1_000_000) * 1_000_000;
        while (Network.Stack->UnacknowledgedBytes(s_client->Socket) > 0)
            if (!AwaitProgress(deadline))
                return -1;
        return Network.Stack->TakeError(s_client->Socket) == 0 ? 0 : -1;
    }

    /// <summary>
    /// Serves the network and the other clients once; one of them may replace the owner. False when the time is over.
    /// </summary>
    private static bool AwaitProgress(ulong deadline)
    {
        if (Idle.Now >= deadline)
            return false;
        bool busy = Network.Poll();
        busy |= UploadServer.Attend(out ulong others);
        if (busy)
            return true;
        // The loader waits for the owner, so that nothing it says will carry an acknowledgement; and before its fork a
        // guest that moves waits for that of everything.
        if (UploadServer.Owner == s_client)
            Network.Stack->Acknowledge(s_client->Socket, Idle.Now);
        Network.Wait(Math.Min(deadline, others));
        return true;
    }

    private static void Write(byte* text, ulong count) =>
        Uart.Write(new ReadOnlySpan<byte>(text, (int)Math.Min(count, 4096)));

    private static void Claim(uint address) => Network.Stack->AnnounceFor(address);

    private static void Quiesce()
    {
        Network.Stop(s_startInfo.CommandLine);
        Idle.Stop();
        // What runs from here on can read all of memory: no key and no text of the upload stays there.
        UploadServer.Wipe();
        Entropy.Wipe();
        Inbox.Wipe();
        new Span<byte>(s_outbox, SecureChannel.MaxRecord).Clear();
        Native.WipeStack(Layout.StackResidue);
    }

    private static void Reset() => Processor.Reset();
}
