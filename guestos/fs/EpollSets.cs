using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>struct epoll_event of x86-64: packed, 12 bytes (include/uapi/linux/eventpoll.h).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct EpollEvent
{
    public const int Length = 12;

    public uint Events;
    public ulong Data;
}

/// <summary>
/// epoll(7). A set is a list of (descriptor, open file, events); waiting looks at all of them. Edge-triggered entries report when
/// readiness has risen since it was last reported; what fell and rose between two looks is reported by comparing with what the last look saw.
/// </summary>
public static unsafe class EpollSets
{
    public const int MostEntries = 512;
    private const uint EdgeTriggered = 1u << 31, OneShot = 1u << 30;
    private const uint Flags = EdgeTriggered | OneShot | 1u << 29 | 1u << 28;

    /// <summary>Reported whether asked for or not.</summary>
    private const uint Always = PollEvents.Error | PollEvents.HangUp;

    private struct Entry
    {
        public Entry* Next;
        public File* File;
        public int Descriptor;
        public uint Events;
        public ulong Data;

        /// <summary>Edge-triggered: what has been reported and still holds.</summary>
        public uint Reported;
    }

    private struct Set
    {
        public Set* Next;
        public Entry* First;
        public int Count;

        /// <summary>Where the next look begins, so that no entry starves.</summary>
        public Entry* Turn;
        public bool Visiting;
    }

    private static Set* s_sets;

    public static File* Create()
    {
        Set* set = Objects.Allocate<Set>();
        File* file = set != null ? Files.Allocate(FileKind.Epoll, OpenFlags.ReadWrite) : null;
        if (file == null)
        {
            if (set != null)
                Objects.Free(set);
            return null;
        }

        file->Object = set;
        set->Next = s_sets;
        s_sets = set;
        return file;
    }

    /// <summary>EPOLL_CTL_ADD 1, DEL 2, MOD 3. EEXIST, ENOENT, ENOSPC, EPERM (always ready kinds), EINVAL, ELOOP.</summary>
    public static long Control(File* epoll, uint operation, int descriptor, File* file, in EpollEvent wanted)
    {
        var set = (Set*)epoll->Object;
        Entry* entry = set->First;
        while (entry != null && (entry->Descriptor != descriptor || entry->File != file))
            entry = entry->Next;
        switch (operation)
        {
            case 1:
                if (entry != null)
                    return Errno.Exists;
                if (file == epoll)
                    return Errno.Invalid;
                if (file->Kind is FileKind.Regular or FileKind.Directory or FileKind.Path)
                    return Errno.NotPermitted;
                if (file->Kind == FileKind.Epoll && Reaches((Set*)file->Object, set, 0))
                    return Errno.TooManySymbolicLinks;
                if (set->Count >= MostEntries)
                    return Errno.NoSpace;
                entry = Objects.Allocate<Entry>();
                if (entry == null)
                    return Errno.NoMemory;
                entry->File = file;
                entry->Descriptor = descriptor;
                entry->Next = set->First;
                set->First = entry;
                set->Count++;
                break;
            case 2:
                if (entry == null)
                    return Errno.NoEntry;
                Remove(set, entry);
                return 0;
            case 3:
                if (entry == null)
                    return Errno.NoEntry;
                break;
            default:
                return Errno.Invalid;
        }

        entry->Events = wanted.Events;
        entry->Data = wanted.Data;
        entry->Reported = 0;
        Readiness.Changed();
        return 0;
    }

    /// <summary>Looks once at every entry and reports up to <paramref name="most"/> events.</summary>
    public static int Collect(File* epoll, EpollEvent* events, int most)
    {
        var set = (Set*)epoll->Object;
        int count = 0;
        Entry* entry = set->Turn != null ? set->Turn : set->First;
        for (int i = 0; i < set->Count && count < most; i++)
        {
            uint ready = Ready(entry);
            if (ready != 0)
            {
                events[count].Events = ready;
                events[count++].Data = entry->Data;
                if ((entry->Events & EdgeTriggered) != 0)
                    entry->Reported |= ready;
                if ((entry->Events & OneShot) != 0)
                    entry->Events &= Flags;
            }

            entry = entry->Next != null ? entry->Next : set->First;
        }

        set->Turn = entry;
        return count;
    }

    public static uint Poll(File* file)
    {
        var set = (Set*)file->Object;
        if (set->Visiting)
            return 0;
        set->Visiting = true;
        uint result = 0;
        for (Entry* entry = set->First; entry != null && result == 0; entry = entry->Next)
            if (Ready(entry) != 0)
                result = PollEvents.In | PollEvents.ReadNormal;
        set->Visiting = false;
        return result;
    }

    /// <summary>An open file has been closed for good: it leaves every set.</summary>
    public static void Forget(File* file)
    {
        for (Set* set = s_sets; set != null; set = set->Next)
        {
            for (Entry* entry = set->First; entry != null;)
            {
                Entry* next = entry->Next;
                if (entry->File == file)
                    Remove(set, entry);
                entry = next;
            }
        }
    }

    public static void Release(File* file)
    {
        var set = (Set*)file->Object;
        while (set->First != null)
            Remove(set, set->First);
        if (s_sets == set)
        {
            s_sets = set->Next;
        }
        else
        {
            Set* before = s_sets;
            while (before->Next != set)
                before = before->Next;
            before->Next = set->Next;
        }

        Objects.Free(set);
    }

    private static uint Ready(Entry* entry)
    {
        uint asked = entry->Events & ~Flags;
        if (asked == 0 && (entry->Events & OneShot) != 0)
            return 0;   // disarmed
        uint now = Files.Poll(entry->File) & (asked | Always);
        if ((entry->Events & EdgeTriggered) == 0)
            return now;
        entry->Reported &= now;     // what has fallen may rise again
        return now & ~entry->Reported;
    }

    private static void Remove(Set* set, Entry* entry)
    {
        if (set->Turn == entry)
            set->Turn = entry->Next;
        Entry** at = &set->First;
        while (*at != entry)
            at = &(*at)->Next;
        *at = entry->Next;
        set->Count--;
        Objects.Free(entry);
    }

    private static bool Reaches(Set* from, Set* to, int depth)
    {
        if (from == to || depth > 4)
            return true;
        for (Entry* entry = from->First; entry != null; entry = entry->Next)
            if (entry->File->Kind == FileKind.Epoll && Reaches((Set*)entry->File->Object, to, depth + 1))
                return true;
        return false;
    }
}
