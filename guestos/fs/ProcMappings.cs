using System;

namespace Guestos;

/// <summary>
/// /proc/PID/maps, smaps and smaps_rollup (proc(5)): the areas of an address space, and what their pages take.
/// </summary>
internal static unsafe class ProcMappings
{
    /// <summary>Column at which names begin (fs/proc/task_mmu.c, show_vma_header_prefix).</summary>
    private const int NameColumn = 73;

    /// <summary>The caller holds the address space's lock. Gives way.</summary>
    public static void Make(ProcNode node, AddressSpace* space, TextBuffer* text)
    {
        PageCounts all = default;
        bool isSum = node is ProcNode.ProcessMapSums or ProcNode.TaskMapSums;
        bool isDetailed = node is ProcNode.ProcessMapDetails or ProcNode.TaskMapDetails;
        for (Area* area = space->FirstArea; area != null && !text->IsFull; area = area->Next)
        {
            PageCounts counts = default;
            if (isSum || isDetailed)
                AddressSpace.CountPages(space, area, &counts);
            all.Add(counts);
            if (!isSum)
                Line(area, text);
            if (isDetailed)
                Details(area, counts, text);
            Preemption.Point();
        }
        if (!isSum || space->FirstArea == null)
            return;
        int start = text->Length;
        text->AddHex(space->FirstArea->Start, 8);
        text->Add((byte)'-');
        text->AddHex(space->LastArea->End, 8);
        text->Add(" ---p 00000000 00:00 0 "u8);
        PadTo(text, start + NameColumn);
        text->Add("[rollup]\n"u8);
        Counts(all, text, isSum: true);
    }

    private static void PadTo(TextBuffer* text, int length)
    {
        while (text->Length < length && !text->IsFull)
            text->Add((byte)' ');
    }

    private static void Line(Area* area, TextBuffer* text)
    {
        int start = text->Length;
        text->AddHex(area->Start, 8);
        text->Add((byte)'-');
        text->AddHex(area->End, 8);
        text->Add((byte)' ');
        text->Add((area->Protection & Protection.READ) != 0 ? (byte)'r' : (byte)'-');
        text->Add((area->Protection & Protection.WRITE) != 0 ? (byte)'w' : (byte)'-');
        text->Add((area->Protection & Protection.EXEC) != 0 ? (byte)'x' : (byte)'-');
        Inode* file = (Inode*)area->File;
        text->Add(area->Shared && !Vdso.Is(file) ? (byte)'s' : (byte)'p');
        text->Add((byte)' ');
        text->AddHex(file != null ? area->Offset : 0, 8);
        text->Add(" 00:"u8);
        text->AddHex(file != null ? file->Volume : 0u, 2);
        text->Add((byte)' ');
        text->Add(file != null ? file->Number : 0);
        text->Add((byte)' ');
        byte* path = stackalloc byte[InodeOperations.MaxText];
        ReadOnlySpan<byte> name = SpecialName(area);
        bool hasPath = name.IsEmpty && file != null
            && Vfs.PathOf(Mounts.PlaceOf(file), path, InodeOperations.MaxText) > 0;
        if (hasPath || !name.IsEmpty)
            PadTo(text, start + NameColumn);
        if (hasPath)
            text->Add(path, InodeOperations.MaxText);
        else
            text->Add(name);
        text->Add((byte)'\n');
    }

    private static ReadOnlySpan<byte> SpecialName(Area* area)
    {
        if (Vdso.Is((Inode*)area->File))
            return "[vdso]"u8;
        if (area->File != null)
            return default;
        if (area->Heap)
            return "[heap]"u8;
        return area->GrowsDown && area->End == AddressSpace.StackTop ? "[stack]"u8 : default;
    }

    private static void Details(Area* area, in PageCounts counts, TextBuffer* text)
    {
        Size(text, "Size:           "u8, area->End - area->Start);
        Size(text, "KernelPageSize: "u8, Frames.Size);
        Size(text, "MMUPageSize:    "u8, Frames.Size);
        Counts(counts, text, isSum: false);
        text->Add("THPeligible:           0\nVmFlags: "u8);
        Flag(text, "rd "u8, (area->Protection & Protection.READ) != 0);
        Flag(text, "wr "u8, (area->Protection & Protection.WRITE) != 0);
        Flag(text, "ex "u8, (area->Protection & Protection.EXEC) != 0);
        Flag(text, "sh "u8, area->Shared);
        Flag(text, "mr "u8, true);
        Flag(text, "mw "u8, !area->NeverWritable);
        Flag(text, "me "u8, true);
        Flag(text, "ms "u8, area->Shared);
        Flag(text, "gd "u8, area->GrowsDown);
        Flag(text, "lo "u8, area->Locked);
        Flag(text, "dc "u8, (area->Flags & AreaFlags.NotForked) != 0);
        bool isReserved = (area->Flags & AreaFlags.NoReserve) == 0;
        Flag(text, "ac "u8, isReserved && AddressSpace.IsData(area->Protection, area->Shared));
        Flag(text, "nr "u8, !isReserved);
        Flag(text, "wf "u8, (area->Flags & AreaFlags.WipedOnFork) != 0);
        text->Add((byte)'\n');
    }

    private static void Flag(TextBuffer* text, ReadOnlySpan<byte> name, bool isSet)
    {
        if (isSet)
            text->Add(name);
    }

    private static void Counts(in PageCounts counts, TextBuffer* text, bool isSum)
    {
        Size(text, "Rss:            "u8, counts.Resident * Frames.Size);
        Share(text, "Pss:            "u8, counts.Share);
        Share(text, "Pss_Dirty:      "u8, counts.ShareDirty);
        if (isSum)
        {
            Share(text, "Pss_Anon:       "u8, counts.ShareAnonymous);
            Share(text, "Pss_File:       "u8, counts.ShareFile);
            Share(text, "Pss_Shmem:      "u8, counts.Share - counts.ShareAnonymous - counts.ShareFile);
        }
        Size(text, "Shared_Clean:   "u8, counts.SharedClean * Frames.Size);
        Size(text, "Shared_Dirty:   "u8, counts.SharedDirty * Frames.Size);
        Size(text, "Private_Clean:  "u8, counts.PrivateClean * Frames.Size);
        Size(text, "Private_Dirty:  "u8, counts.PrivateDirty * Frames.Size);
        Size(text, "Referenced:     "u8, counts.Resident * Frames.Size);
        Size(text, "Anonymous:      "u8, counts.Anonymous * Frames.Size);
        Size(text, "KSM:            "u8, 0);
        Size(text, "LazyFree:       "u8, 0);
        Size(text, "AnonHugePages:  "u8, 0);
        Size(text, "ShmemPmdMapped: "u8, 0);
        Size(text, "FilePmdMapped:  "u8, 0);
        Size(text, "Shared_Hugetlb: "u8, 0);
        Size(text, "Private_Hugetlb: "u8, 0);
        Size(text, "Swap:           "u8, 0);
        Size(text, "SwapPss:        "u8, 0);
        Share(text, "Locked:         "u8, counts.Locked);
    }

    private static void Size(TextBuffer* text, ReadOnlySpan<byte> name, ulong bytes)
    {
        text->Add(name);
        text->Add(bytes / 1024, 24 - name.Length);
        text->Add(" kB\n"u8);
    }

    private static void Share(TextBuffer* text, ReadOnlySpan<byte> name, ulong share) =>
        Size(text, name, share / PageCounts.ShareUnit);
}
