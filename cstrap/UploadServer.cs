using System;
using System.Machine;
using Netstack;
using Wire;

namespace Cstrap;

/// <summary>
/// Takes the one loader that the boot token permits, from whoever brings it (docs/protocols.md, "Upload"; thesis §8.2.1 step 3).
/// A bad, slow or silent client costs itself its connection and nobody else anything: the domain goes on waiting.
/// </summary>
internal static unsafe class UploadServer
{
    private const ulong Second = 1_000_000_000;
    private const ulong HeaderPatience = 5 * Second, LoaderPatience = 10 * Second, LoaderLimit = 120 * Second, LeavingPatience = 2 * Second;
    private const int Clients = 4;

    private static int listener;
    private static Client first, second, third, fourth;
    private static uint loaderLength, loaderReceived;

    /// <summary>Waits until a client has brought the right loader. It then lies in its window.</summary>
    /// <returns>The socket, which the loader owns from now on.</returns>
    public static int Serve(in BootArguments arguments, ulong memoryEnd)
    {
        Stack* stack = Network.Stack;
        if (listener == 0)
            listener = stack->Listen(0, Upload.Port, Clients);
        while (true)
        {
            bool busy = Network.Poll();
            Accept();
            ulong deadline = ulong.MaxValue;
            for (int i = 0; i < Clients; i++)
            {
                Client* client = ClientAt(i);
                if (client->State == ClientState.None)
                    continue;
                busy |= Step(client, arguments, memoryEnd, out bool done);
                if (done)
                {
                    int socket = client->Socket;
                    client->State = ClientState.None;
                    DropOthers();
                    return socket;
                }
                deadline = Math.Min(deadline, client->Deadline);
            }
            if (!busy)
                Network.Wait(deadline);
        }
    }

    private static Client* ClientAt(int index)
    {
        // SAFETY: statics of an image without a collector do not move.
        fixed (Client* a = &first, b = &second, c = &third, d = &fourth)
            return index switch { 0 => a, 1 => b, 2 => c, _ => d };
    }

    private static void Accept()
    {
        for (int i = 0; i < Clients; i++)
        {
            Client* client = ClientAt(i);
            if (client->State != ClientState.None)
                continue;
            int socket = Network.Stack->Accept(listener);
            if (socket < 0)
                return;
            *client = default;
            client->Socket = socket;
            client->State = ClientState.Header;
            client->Deadline = Idle.Now + HeaderPatience;
            client->FinalDeadline = client->Deadline;
        }
    }

    private static void DropOthers()
    {
        for (int i = 0; i < Clients; i++)
        {
            Client* client = ClientAt(i);
            if (client->State == ClientState.Header)
                Refuse(client, UploadRefusal.Busy, 0);
            if (client->State != ClientState.None)
                Network.Stack->Close(client->Socket, Idle.Now);
            client->State = ClientState.None;
        }
    }

    /// <summary>Takes what a client has sent. True when it sent something.</summary>
    /// <param name="done">It sent the whole loader, and the right one.</param>
    private static bool Step(Client* client, in BootArguments arguments, ulong memoryEnd, out bool done)
    {
        done = false;
        if (Idle.Now >= client->Deadline)
        {
            Network.Stack->Abort(client->Socket, Idle.Now);
            if (client->State != ClientState.Leaving)
                Log.Line("a client was too slow"u8);
            client->State = ClientState.None;
            return true;
        }
        int count;
        switch (client->State)
        {
            case ClientState.Header:
                // The upload header is taken exactly: what follows it belongs to the loader's window.
                int wanted = IsHttp(client) ? Client.MostHeader : Upload.Size;
                count = Network.Stack->Receive(client->Socket, new Span<byte>(client->Header + client->HeaderLength, wanted - client->HeaderLength), Idle.Now);
                if (count > 0)
                {
                    client->HeaderLength += count;
                    Judge(client, memoryEnd);
                }
                break;
            case ClientState.Loader:
                // SAFETY: loaderReceived < loaderLength <= MaxLoaderSize, and the window is larger and nobody else's.
                count = Network.Stack->Receive(client->Socket, new Span<byte>((byte*)Layout.LoaderWindow + loaderReceived, (int)(loaderLength - loaderReceived)), Idle.Now);
                if (count > 0)
                {
                    loaderReceived += (uint)count;
                    client->Deadline = Math.Min(Idle.Now + LoaderPatience, client->FinalDeadline);
                    done = loaderReceived == loaderLength && Verify(client, arguments);
                }
                break;
            default:
                byte* waste = stackalloc byte[2048];
                count = Network.Stack->Receive(client->Socket, new Span<byte>(waste, 2048), Idle.Now);
                break;
        }
        if (count > 0)
            return true;
        if (count == SocketError.WouldBlock)
            return false;
        Network.Stack->Close(client->Socket, Idle.Now);
        client->State = ClientState.None;
        return true;
    }

    private static bool IsHttp(Client* client) => new ReadOnlySpan<byte>(client->Header, client->HeaderLength).StartsWith("GET "u8);

    /// <summary>Looks at a client's first bytes.</summary>
    private static void Judge(Client* client, ulong memoryEnd)
    {
        ReadOnlySpan<byte> header = new(client->Header, client->HeaderLength);
        if (IsHttp(client))
        {
            // One line of request is enough to answer: there is one resource.
            if (header.IndexOf((byte)'\n') >= 0 || header.Length == Client.MostHeader)
                AnswerHttp(client, memoryEnd);
            return;
        }
        if (header.Length < Upload.Size)
            return;
        UploadRefusal refusal = Upload.Parse(header, out uint length);
        if (refusal == UploadRefusal.None && IsUploading())
            refusal = UploadRefusal.Busy;
        if (refusal != UploadRefusal.None)
        {
            Refuse(client, refusal, refusal == UploadRefusal.BadLength ? Upload.MaxLoaderSize : 0);
            return;
        }
        loaderLength = length;
        loaderReceived = 0;
        client->State = ClientState.Loader;
        client->FinalDeadline = Idle.Now + LoaderLimit;
        client->Deadline = Idle.Now + LoaderPatience;
    }

    private static bool IsUploading()
    {
        for (int i = 0; i < Clients; i++)
            if (ClientAt(i)->State == ClientState.Loader)
                return true;
        return false;
    }

    private static bool Verify(Client* client, in BootArguments arguments)
    {
        byte* digest = stackalloc byte[Sha1.DigestSize];
        Span<byte> hash = new(digest, Sha1.DigestSize);
        Sha1.Hash(new ReadOnlySpan<byte>((byte*)Layout.LoaderWindow, (int)loaderLength), hash);
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
        byte* answer = stackalloc byte[UploadAnswer.Size];
        UploadAnswer.Emit(new Span<byte>(answer, UploadAnswer.Size), UploadStage.Firmware, refusal, detail);
        // A fresh connection's send ring has room for 16 bytes.
        Network.Stack->Send(client->Socket, new ReadOnlySpan<byte>(answer, UploadAnswer.Size), Idle.Now);
    }

    private static void AnswerHttp(Client* client, ulong memoryEnd)
    {
        Network.Stack->Send(client->Socket,
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nan empty domain, waiting for its loader on this port; MiB of memory: "u8, Idle.Now);
        byte* digits = stackalloc byte[20];
        int at = 20;
        digits[--at] = (byte)'\n';
        for (ulong left = memoryEnd >> 20; left != 0 || at == 19; left /= 10)
            digits[--at] = (byte)('0' + left % 10);
        Network.Stack->Send(client->Socket, new ReadOnlySpan<byte>(digits + at, 20 - at), Idle.Now);
        Leave(client);
    }

    /// <summary>Takes a connection back from a loader that refused what came: the refusal is to reach the client.</summary>
    public static void Dismiss(int socket)
    {
        Client* client = ClientAt(0);
        client->Socket = socket;
        Leave(client);
    }

    private static void Leave(Client* client)
    {
        Network.Stack->Shutdown(client->Socket, Idle.Now);
        client->State = ClientState.Leaving;
        client->Deadline = Idle.Now + LeavingPatience;
    }
}
