using System;

namespace Guestos;

/// <summary>
/// What one send has put into the queue of a local socket: its bytes, in pieces of at most <see cref="Capacity"/>, with
/// what came along. Of a stream a message is one piece. Counted against the send buffer of its sender until it is
/// freed.
/// </summary>
internal unsafe struct LocalMessage
{
    /// <summary>Neighbour in the queue.</summary>
    public LocalMessage* Next;

    /// <summary>The next piece of the same message; what it has in common stands in the first.</summary>
    public LocalMessage* Rest;

    /// <summary>Referenced: its name is told to the receiver, when it has been closed, too.</summary>
    public LocalSocket* Sender;

    /// <summary>SCM_RIGHTS; null for none.</summary>
    public PassedFiles* Files;
    public LocalCredentials Credentials;

    /// <summary>Bytes in this piece, and of these how many have been taken (of a stream).</summary>
    public int Length;
    public int Taken;

    /// <summary>Bytes in all pieces, and what they take of memory.</summary>
    public int Total;
    public int Cost;

    /// <summary>Bytes in one piece: with its head it fills a frame.</summary>
    public static int Capacity => Frames.Size - sizeof(LocalMessage);

    /// <summary>Memory that all messages take.</summary>
    public static ulong BytesInUse;

    /// <summary>
    /// What they may take together: a quarter of memory, the last eighth of it the superuser's. Beyond it each socket
    /// may have one message on its way.
    /// </summary>
    public static bool IsWithinBudget
    {
        get
        {
            ulong budget = Frames.Total * Frames.Size / 4;
            return BytesInUse < (FileRights.IsSuperuser ? budget : budget - budget / 8);
        }
    }

    public static Span<byte> BytesOf(LocalMessage* piece) =>
        new((byte*)piece + sizeof(LocalMessage), piece->Length);

    /// <summary>One with room for so many bytes, which are zeros; null without memory.</summary>
    public static LocalMessage* Create(int total)
    {
        LocalMessage* first = CreatePiece(Math.Min(total, Capacity));
        if (first == null)
            return null;
        first->Total = total;
        LocalMessage* last = first;
        for (int left = total - first->Length; left > 0; left -= last->Length)
        {
            last->Rest = CreatePiece(Math.Min(left, Capacity));
            if (last->Rest == null)
            {
                FreePieces(first);
                return null;
            }

            last = last->Rest;
            first->Cost += last->Cost;
        }

        return first;
    }

    private static LocalMessage* CreatePiece(int length)
    {
        int size = sizeof(LocalMessage) + length;
        var piece = (LocalMessage*)Objects.Allocate(size);
        if (piece == null)
            return null;
        piece->Length = length;
        piece->Cost = size;
        return piece;
    }

    /// <summary>Fills a new one. False: EFAULT.</summary>
    public static bool TryFill(LocalMessage* message, ref VectoredTransfer from)
    {
        for (LocalMessage* piece = message; piece != null; piece = piece->Rest)
            if (!from.TryRead(BytesOf(piece)))
                return false;
        return true;
    }

    /// <summary>Takes from now on what it costs out of the sender's buffer.</summary>
    public static void Charge(LocalMessage* message, LocalSocket* sender)
    {
        sender->References++;
        message->Sender = sender;
        sender->BytesInFlight += message->Cost;
        BytesInUse += (ulong)message->Cost;
    }

    /// <summary>Frees one that is in no queue; the files that it carries are closed.</summary>
    public static void Free(LocalMessage* message)
    {
        LocalSocket* sender = message->Sender;
        int cost = message->Cost;
        PassedFiles.Discard(message->Files);
        FreePieces(message);
        if (sender == null)
            return;
        BytesInUse -= (ulong)cost;
        sender->BytesInFlight -= cost;
        if (LocalSocket.IsWritable(sender))
            Readiness.Changed(&sender->Queue, PollEvents.Writable | PollEvents.WriteBand);
        LocalSocket.Release(sender);
    }

    private static void FreePieces(LocalMessage* piece)
    {
        while (piece != null)
        {
            LocalMessage* rest = piece->Rest;
            Objects.Free(piece, sizeof(LocalMessage) + piece->Length);
            piece = rest;
        }
    }
}
