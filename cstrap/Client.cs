using System;
using Netstack;
using Wire;

namespace Cstrap;

/// <summary>One connection to the upload port.</summary>
internal unsafe struct Client
{
    /// <summary>
    /// Leaving: its last answer was sent through the channel, and what it still sends is discarded, so that no reset
    /// overtakes that answer. Served: the owner, who uploads the loader; at most one client is.
    /// </summary>
    public Place Place;

    public int Socket;

    /// <summary>When the client is given up unless its state changes before, in nanoseconds.</summary>
    public ulong Deadline;

    /// <summary>When its last authentic record came, in nanoseconds.</summary>
    public ulong Progress;

    /// <summary>Both directions, from <see cref="PlaceState.Answered"/> on.</summary>
    public SecureChannel Channel;

    /// <param name="patience">Nanoseconds.</param>
    public void Enter(PlaceState state, ulong patience)
    {
        Place.State = state;
        Place.Since = Idle.Now;
        Deadline = Place.Since + patience;
    }

    /// <summary>
    /// Takes the next record when all of it has come.
    /// </summary>
    /// <param name="record">
    /// Room for <see cref="SecureChannel.MaxRecord"/>; its text stands there from
    /// <see cref="SecureChannel.LengthSize"/> on.
    /// </param>
    /// <returns>
    /// The text's length, 0 at the end of the stream, <see cref="SocketError.WouldBlock"/>, or less when the connection
    /// is of no more use.
    /// </returns>
    public int TakeRecord(byte* record)
    {
        Stack* stack = Network.Stack;
        int come = stack->CopyReceived(Socket, 0, new Span<byte>(record, SecureChannel.LengthSize));
        if (come <= 0)
            return come;
        int size = SecureChannel.RecordSize(new ReadOnlySpan<byte>(record, come));
        if (size < 0)
            return SocketError.Invalid;
        // The receive ring holds the largest record many times over, so that waiting for its last byte ends.
        if (size == 0 || stack->CopyReceived(Socket, size - 1, new Span<byte>(record, 1)) != 1)
            return HasEnded() ? 0 : SocketError.WouldBlock;
        Span<byte> whole = new(record, size);
        stack->Receive(Socket, whole, Idle.Now);
        int length = Channel.Open(whole);
        if (length < 0)
            return SocketError.Invalid;
        Progress = Idle.Now;
        return length;
    }

    /// <summary>True when no more will come than what is there.</summary>
    private readonly bool HasEnded() =>
        (Network.Stack->GetReadiness(Socket) & (Readiness.PeerClosed | Readiness.HangUp | Readiness.Error)) != 0;

    /// <summary>
    /// Sends an answer. It fits: nothing else has been sent on the connection, so its send ring is empty.
    /// </summary>
    public void Answer(ReadOnlySpan<byte> text)
    {
        Span<byte> record = stackalloc byte[SecureChannel.LengthSize + 16 + SecureChannel.TagSize];
        text.CopyTo(record.Slice(SecureChannel.LengthSize));
        int size = Channel.Seal(record, text.Length);
        Network.Stack->Send(Socket, record.Slice(0, size), Idle.Now);
    }
}
