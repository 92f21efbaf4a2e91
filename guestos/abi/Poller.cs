namespace Guestos;

/// <summary>
/// A poll or select that has found nothing ready: it watches each of its files, which it holds, and sleeps until one of
/// them changes. Lives on the caller's stack; <see cref="End"/> lets go of everything.
/// </summary>
internal unsafe struct Poller
{
    internal struct Item
    {
        public Watch Watch;
        public Item* Next;
        public File* File;

        /// <summary>The caller's number for it: place in the array, descriptor.</summary>
        public int Index;

        /// <summary>What the caller wants to know of it.</summary>
        public uint Events;
    }

    public Item* First;
    private WaitQueue _sleeper;

    /// <summary>Watches one more file. False without memory.</summary>
    public static bool Add(Poller* poller, File* file, int index, uint events)
    {
        WaitQueue* queue = Files.QueueOf(file);
        if (queue == null)
            return true;    // never changes
        Item* item = Objects.Allocate<Item>();
        if (item == null)
            return false;
        item->File = Files.Hold(file);
        item->Index = index;
        item->Events = events;
        item->Next = poller->First;
        poller->First = item;
        item->Watch.Sleeper = &poller->_sleeper;
        Watch.Begin(&item->Watch, queue);
        return true;
    }

    public static WaitResult Sleep(Poller* poller, ulong deadline) => Scheduler.Sleep(&poller->_sleeper, deadline);

    public static void End(Poller* poller)
    {
        while (poller->First != null)
        {
            Item* item = poller->First;
            poller->First = item->Next;
            Watch.End(&item->Watch);
            Files.Release(item->File);
            Objects.Free(item);
        }
    }
}
