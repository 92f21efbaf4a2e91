using System;

namespace Guestos;

/// <summary>
/// A poll or select that has found nothing ready: it watches each of its files, which it holds, and sleeps until one of
/// them changes in a way that it asks for. Then it looks at those that have changed, and at no others. Lives on the
/// caller's stack; <see cref="End"/> ends all watches and releases all files.
/// </summary>
internal unsafe struct Poller
{
    internal struct Item
    {
        public Watch Watch;

        /// <summary>The next of those that have changed.</summary>
        public Item* NextChanged;
        public bool HasChanged;
        public File* File;

        /// <summary>The caller's number for it: place in the array, descriptor.</summary>
        public int Index;
    }

    /// <summary>Items are allocated by pieces: this, and behind it as many as there is room for.</summary>
    private struct Piece
    {
        public Piece* Next;
        public int Count;
        public int Size;

        // SAFETY: a piece was allocated with room for its items behind it.
        public static Item* At(Piece* piece, int index) => (Item*)(piece + 1) + index;
    }

    /// <summary>Bytes of a piece at most: a page.</summary>
    private const int MaxPiece = 4096;

    private Piece* pieces;
    private Item* changed;
    private WaitQueue sleeper;

    /// <summary>
    /// Watches one more file for <paramref name="events"/>. So many may still come, this one included. False without
    /// memory, or when too many watch the file's object already.
    /// </summary>
    public static bool Add(Poller* poller, File* file, int index, uint events, int left)
    {
        WaitQueue* queue = Files.QueueOf(file);
        if (queue == null)
            return true;    // never changes
        Item* item = Allocate(poller, left);
        if (item == null)
            return false;
        item->File = Files.Hold(file);
        item->Index = index;
        item->Watch.Owner = poller;
        item->Watch.Notify = &Notify;
        item->Watch.Events = events;
        return Watch.TryBegin(&item->Watch, queue);
    }

    private static Item* Allocate(Poller* poller, int left)
    {
        Piece* piece = poller->pieces;
        if (piece == null || sizeof(Piece) + (piece->Count + 1) * sizeof(Item) > piece->Size)
        {
            int most = (MaxPiece - sizeof(Piece)) / sizeof(Item);
            int size = sizeof(Piece) + Math.Min(left, most) * sizeof(Item);
            piece = (Piece*)Objects.Allocate(size);
            if (piece == null)
                return null;
            piece->Size = size;
            piece->Next = poller->pieces;
            poller->pieces = piece;
        }

        Item* item = Piece.At(piece, piece->Count);
        piece->Count++;
        return item;
    }

    // SAFETY: the watch is the first field of its item.
    private static void Notify(Watch* watch, uint events)
    {
        var item = (Item*)watch;
        var poller = (Poller*)watch->Owner;
        if (!item->HasChanged)
        {
            item->HasChanged = true;
            item->NextChanged = poller->changed;
            poller->changed = item;
        }

        Scheduler.Wake(&poller->sleeper);
    }

    /// <summary>One of those that have changed since, which is then one no more; null: none is left.</summary>
    public static Item* TakeChanged(Poller* poller)
    {
        Item* item = poller->changed;
        if (item == null)
            return null;
        poller->changed = item->NextChanged;
        item->HasChanged = false;
        return item;
    }

    public static WaitResult Sleep(Poller* poller, ulong deadline) => Scheduler.Sleep(&poller->sleeper, deadline);

    public static void End(Poller* poller)
    {
        while (poller->pieces != null)
        {
            Piece* piece = poller->pieces;
            poller->pieces = piece->Next;
            for (int i = 0; i < piece->Count; i++)
            {
                Item* item = Piece.At(piece, i);
                Watch.End(&item->Watch);
                Files.Release(item->File);
            }

            Objects.Free(piece, piece->Size);
        }
    }
}
