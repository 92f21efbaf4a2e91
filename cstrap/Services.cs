using System;
using System.Machine;
using Netstack;

namespace Cstrap;

/// <summary>The firmware's services for a loader, over the connection that brought it.</summary>
internal static unsafe class Services
{
    private static int socket;
    private static StartInfo startInfo;

    /// <summary>Longest wait for a peer that says nothing at all: it may be thinking, or gone without a word.</summary>
    private const ulong Patience = 30_000_000_000;

    /// <summary>Longest wait for the device to send what it was given.</summary>
    private const ulong TransmitPatience = 100_000_000;

    public static void Fill(ServiceTable* table, int connection, in StartInfo information, ulong startInfoPhysical)
    {
        socket = connection;
        startInfo = information;
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
        Network.Stack->SetOption(connection, SocketOption.NoDelay, 1, Idle.Now);
    }

    private static long Receive(byte* to, ulong count)
    {
        ulong deadline = Idle.Now + Patience;
        int length = (int)Math.Min(count, 0x40000000);
        while (true)
        {
            // SAFETY: the loader answers for count bytes at to.
            int received = Network.Stack->Receive(socket, new Span<byte>(to, length), Idle.Now);
            if (received != SocketError.WouldBlock)
                return received < 0 ? -1 : received;
            if (!AwaitProgress(deadline))
                return -1;
        }
    }

    private static long Send(byte* from, ulong count)
    {
        ulong deadline = Idle.Now + Patience;
        while (count > 0)
        {
            // SAFETY: the loader answers for count bytes at from.
            int sent = Network.Stack->Send(socket, new ReadOnlySpan<byte>(from, (int)Math.Min(count, 0x40000000)), Idle.Now);
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
            ulong patience = Idle.Now + TransmitPatience;
            while (!Network.IsTransmitted() && Idle.Now < patience)
                Network.Poll();
            return 0;
        }
        ulong deadline = Idle.Now + Math.Min(milliseconds, 1_000_000) * 1_000_000;
        while (Network.Stack->UnacknowledgedBytes(socket) > 0)
            if (!AwaitProgress(deadline))
                return -1;
        return Network.Stack->TakeError(socket) == 0 ? 0 : -1;
    }

    private static bool AwaitProgress(ulong deadline)
    {
        if (Idle.Now >= deadline)
            return false;
        if (!Network.Poll())
            Network.Wait(deadline);
        return true;
    }

    private static void Write(byte* text, ulong count) => Uart.Write(new ReadOnlySpan<byte>(text, (int)Math.Min(count, 4096)));

    private static void Quiesce()
    {
        Network.Stop(startInfo.CommandLine);
        Idle.Stop();
    }

    private static void Reset() => Processor.Reset();
}
