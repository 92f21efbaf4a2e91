using System;
using Netstack;
using Wire;

namespace NetstackHost;

/// <summary>One connection: reads a <see cref="Request"/>, does what it says, reports.</summary>
internal unsafe struct Service
{
    private const ulong Millisecond = 1_000_000;

    public bool InUse;
    private int socket;
    private int requested;
    private fixed byte requestBytes[Request.Size];
    private Request request;
    private ulong readFrom;
    private long sent, received;
    private bool shut, ended;
    private int error;
    private Sha1 hash;
    private int kept;
    private fixed byte rest[Sha1.BlockSize];

    public void Begin(int socket)
    {
        this = default;
        InUse = true;
        this.socket = socket;
        hash = Sha1.Start();
    }

    /// <summary>When there is something to do that no frame tells of; 0 for never.</summary>
    public readonly ulong Deadline => InUse ? readFrom : 0;

    public void Step(Stack* stack, ulong now)
    {
        if (requested < Request.Size)
            ReadRequest(stack, now);
        if (requested == Request.Size && error == 0)
        {
            if (request.Order != Order.AnswerLast || ended)
                Answer(stack, now);
            if (now >= readFrom)
                Read(stack, now);
        }
        if (error == 0 && !(shut && ended))
            return;
        Report(stack);
        stack->Close(socket, now);
        InUse = false;
    }

    private void ReadRequest(Stack* stack, ulong now)
    {
        fixed (byte* bytes = requestBytes)
        {
            // A connection that we open is not there at once.
            int got = stack->Receive(socket, new Span<byte>(bytes + requested, Request.Size - requested), now);
            if (got == 0)
                error = SocketError.Aborted;
            else if (got < 0)
                error = got is SocketError.WouldBlock or SocketError.NotConnected ? stack->TakeError(socket) : got;
            else
                requested += got;
            if (requested < Request.Size)
                return;
            request = Request.Read(new ReadOnlySpan<byte>(bytes, Request.Size));
        }
        if (request.Pause != 0)
            readFrom = now + request.Pause * Millisecond;
        if (request.KeepAlive != 0)
        {
            stack->SetOption(socket, SocketOption.KeepAliveIdle, (int)request.KeepAlive, now);
            stack->SetOption(socket, SocketOption.KeepAliveInterval, (int)request.KeepAlive, now);
            stack->SetOption(socket, SocketOption.KeepAliveCount, 3, now);
            stack->SetOption(socket, SocketOption.KeepAlive, 1, now);
        }
    }

    private void Answer(Stack* stack, ulong now)
    {
        Span<byte> piece = stackalloc byte[4096];
        while (!shut && error == 0)
        {
            long left = (long)request.Answer - sent;
            if (left == 0)
            {
                stack->Shutdown(socket, now);
                shut = true;
                return;
            }
            Span<byte> bytes = piece.Slice(0, (int)Math.Min(left, piece.Length));
            Request.Fill(bytes, request.Id, sent);
            int taken = stack->Send(socket, bytes, now);
            if (taken == SocketError.WouldBlock)
                return;
            if (taken < 0)
                error = taken;
            else
                sent += taken;
        }
    }

    private void Read(Stack* stack, ulong now)
    {
        readFrom = 0;
        Span<byte> bytes = stackalloc byte[4096];
        while (!ended && error == 0)
        {
            int length = stack->Receive(socket, bytes, now);
            if (length == SocketError.WouldBlock)
                return;
            if (length == 0)
                ended = true;
            else if (length < 0)
                error = length;
            else
            {
                Hash(bytes.Slice(0, length));
                received += length;
            }
        }
    }

    /// <summary>Sha1 takes whole blocks: what is left over waits for the next bytes.</summary>
    private void Hash(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* rest = this.rest)
        {
            Span<byte> waiting = new(rest, Sha1.BlockSize);
            if (kept > 0)
            {
                int more = Math.Min(bytes.Length, Sha1.BlockSize - kept);
                bytes.Slice(0, more).CopyTo(waiting.Slice(kept));
                bytes = bytes.Slice(more);
                kept += more;
                if (kept < Sha1.BlockSize)
                    return;
                hash.Append(waiting);
            }
            int whole = bytes.Length & ~(Sha1.BlockSize - 1);
            hash.Append(bytes.Slice(0, whole));
            bytes.Slice(whole).CopyTo(waiting);
            kept = bytes.Length - whole;
        }
    }

    private void Report(Stack* stack)
    {
        stack->GetInformation(socket, out ConnectionInformation information);
        Span<byte> digest = stackalloc byte[Sha1.DigestSize];
        fixed (byte* rest = this.rest)
            hash.Finish(new ReadOnlySpan<byte>(rest, kept), digest);
        Text line = new(stackalloc byte[256]);
        line.Add("connection"u8, request.Id);
        line.Add("error"u8, error);
        line.Add("sent"u8, sent);
        line.Add("received"u8, received);
        line.Add("retransmissions"u8, information.Retransmissions);
        line.Add("sha1"u8);
        line.AddHexadecimal(digest);
        line.Write();
    }
}
