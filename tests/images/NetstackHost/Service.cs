using System;
using Netstack;
using Wire;

namespace NetstackHost;

/// <summary>One connection: reads a <see cref="Request"/>, does what it says, reports.</summary>
internal unsafe struct Service
{
    private const ulong Millisecond = 1_000_000;

    public bool InUse;
    private int _socket;
    private int _requested;
    private fixed byte _requestBytes[Request.Size];
    private Request _request;
    private ulong _readFrom;
    private long _sent, _received;
    private bool _shut, _ended;
    private int _error;
    private Sha1 _hash;
    private int _kept;
    private fixed byte _rest[Sha1.BlockSize];

    public void Begin(int socket)
    {
        this = default;
        InUse = true;
        _socket = socket;
        _hash = Sha1.Start();
    }

    /// <summary>When there is something to do that no frame tells of; 0 for never.</summary>
    public readonly ulong Deadline => InUse ? _readFrom : 0;

    public void Step(Stack* stack, ulong now)
    {
        if (_requested < Request.Size)
            ReadRequest(stack, now);
        if (_requested == Request.Size && _error == 0)
        {
            if (_request.Order != Order.AnswerLast || _ended)
                Answer(stack, now);
            if (now >= _readFrom)
                Read(stack, now);
        }
        if (_error == 0 && !(_shut && _ended))
            return;
        Report(stack);
        stack->Close(_socket, now);
        InUse = false;
    }

    private void ReadRequest(Stack* stack, ulong now)
    {
        fixed (byte* bytes = _requestBytes)
        {
            // A connection that we open is not there at once.
            int got = stack->Receive(_socket, new Span<byte>(bytes + _requested, Request.Size - _requested), now);
            if (got == 0)
                _error = SocketError.Aborted;
            else if (got < 0)
                _error = got is SocketError.WouldBlock or SocketError.NotConnected ? stack->TakeError(_socket) : got;
            else
                _requested += got;
            if (_requested < Request.Size)
                return;
            _request = Request.Read(new ReadOnlySpan<byte>(bytes, Request.Size));
        }
        if (_request.Pause != 0)
            _readFrom = now + _request.Pause * Millisecond;
        if (_request.KeepAlive != 0)
        {
            stack->SetOption(_socket, SocketOption.KeepAliveIdle, (int)_request.KeepAlive, now);
            stack->SetOption(_socket, SocketOption.KeepAliveInterval, (int)_request.KeepAlive, now);
            stack->SetOption(_socket, SocketOption.KeepAliveCount, 3, now);
            stack->SetOption(_socket, SocketOption.KeepAlive, 1, now);
        }
    }

    private void Answer(Stack* stack, ulong now)
    {
        Span<byte> piece = stackalloc byte[4096];
        while (!_shut && _error == 0)
        {
            long left = (long)_request.Answer - _sent;
            if (left == 0)
            {
                stack->Shutdown(_socket, now);
                _shut = true;
                return;
            }
            Span<byte> bytes = piece.Slice(0, (int)Math.Min(left, piece.Length));
            Request.Fill(bytes, _request.Id, _sent);
            int taken = stack->Send(_socket, bytes, now);
            if (taken == SocketError.WouldBlock)
                return;
            if (taken < 0)
                _error = taken;
            else
                _sent += taken;
        }
    }

    private void Read(Stack* stack, ulong now)
    {
        _readFrom = 0;
        while (!_ended && _error == 0)
        {
            int length = stack->PeekReceive(_socket, out ReadOnlySpan<byte> bytes);
            if (length == SocketError.WouldBlock)
                return;
            if (length == 0)
                _ended = true;
            else if (length < 0)
                _error = length;
            else
            {
                Hash(bytes);
                _received += length;
                stack->Consume(_socket, length, now);
            }
        }
    }

    /// <summary>Sha1 takes whole blocks: what is left over waits for the next bytes.</summary>
    private void Hash(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* rest = _rest)
        {
            Span<byte> waiting = new(rest, Sha1.BlockSize);
            if (_kept > 0)
            {
                int more = Math.Min(bytes.Length, Sha1.BlockSize - _kept);
                bytes.Slice(0, more).CopyTo(waiting.Slice(_kept));
                bytes = bytes.Slice(more);
                _kept += more;
                if (_kept < Sha1.BlockSize)
                    return;
                _hash.Append(waiting);
            }
            int whole = bytes.Length & ~(Sha1.BlockSize - 1);
            _hash.Append(bytes.Slice(0, whole));
            bytes.Slice(whole).CopyTo(waiting);
            _kept = bytes.Length - whole;
        }
    }

    private void Report(Stack* stack)
    {
        stack->GetInformation(_socket, out ConnectionInformation information);
        Span<byte> digest = stackalloc byte[Sha1.DigestSize];
        fixed (byte* rest = _rest)
            _hash.Finish(new ReadOnlySpan<byte>(rest, _kept), digest);
        Text line = new(stackalloc byte[256]);
        line.Add("connection"u8, _request.Id);
        line.Add("error"u8, _error);
        line.Add("sent"u8, _sent);
        line.Add("received"u8, _received);
        line.Add("retransmissions"u8, information.Retransmissions);
        line.Add("sha1"u8);
        line.AddHexadecimal(digest);
        line.Write();
    }
}
