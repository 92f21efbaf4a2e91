using System;

namespace Guestos;

/// <summary>
/// /proc/sysvipc and the limits in /proc/sys/kernel, in Linux's format (ipc/util.c, sysvipc_proc_show).
/// </summary>
internal static unsafe class ProcIpc
{
    /// <summary>At boot.</summary>
    public static void Register() => ProcText.IpcText = &Make;

    private static void Make(ProcNode node, TextBuffer* text)
    {
        switch (node)
        {
            case ProcNode.MaxMessage:
                Line(text, MessageQueues.MaxMessage);
                break;
            case ProcNode.MaxQueueBytes:
                Line(text, MessageQueues.MaxBytes);
                break;
            case ProcNode.MaxQueues:
                Line(text, MessageQueues.MaxQueues);
                break;
            case ProcNode.MaxSegment or ProcNode.MaxSegmentPages:
                Line(text, SharedMemory.MaxSize);
                break;
            case ProcNode.MaxSegments:
                Line(text, SharedMemory.MaxSegments);
                break;
            case ProcNode.Semaphores:
                text->Add(SemaphoreSets.MaxOfSet);
                text->Add((byte)'\t');
                text->Add((ulong)SemaphoreSets.MaxOfSet * SemaphoreSets.MaxSets);
                text->Add((byte)'\t');
                text->Add(SemaphoreSets.MaxOperations);
                text->Add((byte)'\t');
                Line(text, SemaphoreSets.MaxSets);
                break;
            case ProcNode.IpcMessages:
                text->Add("       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"u8);
                text->Add("      stime      rtime      ctime\n"u8);
                Each(ref MessageQueues.Table, node, text);
                break;
            case ProcNode.IpcSemaphores:
                text->Add("       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"u8);
                Each(ref SemaphoreSets.Table, node, text);
                break;
            case ProcNode.IpcMemory:
                text->Add("       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid"u8);
                text->Add("  cgid      atime      dtime      ctime                   rss                  swap\n"u8);
                Each(ref SharedMemory.Table, node, text);
                break;
        }
    }

    private static void Line(TextBuffer* text, ulong value)
    {
        text->Add(value);
        text->Add((byte)'\n');
    }

    private static void Each(ref IpcTable table, ProcNode node, TextBuffer* text)
    {
        int left = table.Count;
        for (int index = 0; left > 0 && index < IpcTable.MaxObjects && !text->IsFull; index++)
        {
            IpcObject* item = table.At(index);
            if (item == null)
                continue;
            left--;
            Signed(text, item->Key, 10);
            Column(text, (ulong)item->Id, 10);
            text->Add("  "u8);
            Octal(text, item->Mode);
            if (node == ProcNode.IpcMessages)
                Show((MessageQueue*)item, text);
            else if (node == ProcNode.IpcSemaphores)
                Show((SemaphoreSet*)item, text);
            else
                Show((SharedSegment*)item, text);
            text->Add((byte)'\n');
        }
    }

    private static void Show(MessageQueue* queue, TextBuffer* text)
    {
        text->Add(" "u8);
        Column(text, queue->Bytes, 10);
        Column(text, queue->Count, 10);
        Column(text, (ulong)queue->LastSender, 5);
        Column(text, (ulong)queue->LastReceiver, 5);
        Owners(text, &queue->Common);
        Column(text, queue->SendTime, 10);
        Column(text, queue->ReceiveTime, 10);
        Column(text, queue->Common.ChangeTime, 10);
    }

    private static void Show(SemaphoreSet* set, TextBuffer* text)
    {
        Column(text, (ulong)set->Count, 10);
        Owners(text, &set->Common);
        Column(text, set->OperationTime, 10);
        Column(text, set->Common.ChangeTime, 10);
    }

    private static void Show(SharedSegment* segment, TextBuffer* text)
    {
        Column(text, segment->Size, 21);
        Column(text, (ulong)segment->Creator, 5);
        Column(text, (ulong)segment->LastUser, 5);
        text->Add(" "u8);
        Column(text, (ulong)SharedMemory.AttachmentsOf(segment), 5);
        Owners(text, &segment->Common);
        Column(text, segment->AttachTime, 10);
        Column(text, segment->DetachTime, 10);
        Column(text, segment->Common.ChangeTime, 10);
        Column(text, segment->Inode->PageCount * Frames.Size, 21);
        Column(text, 0, 21);
    }

    private static void Owners(TextBuffer* text, IpcObject* item)
    {
        Column(text, item->UserId, 5);
        Column(text, item->GroupId, 5);
        Column(text, item->CreatorUserId, 5);
        Column(text, item->CreatorGroupId, 5);
    }

    /// <summary>Behind a blank, right-aligned.</summary>
    private static void Column(TextBuffer* text, ulong value, int width)
    {
        text->Add((byte)' ');
        text->Add(value, width);
    }

    private static void Signed(TextBuffer* text, int value, int width)
    {
        byte* digits = stackalloc byte[20];
        ulong size = value < 0 ? (ulong)-(long)value : (ulong)value;
        for (int count = ProcTree.Decimal(digits, size) + (value < 0 ? 1 : 0); count < width; count++)
            text->Add((byte)' ');
        text->AddSigned(value);
    }

    /// <summary>Four digits at least, with blanks before them.</summary>
    private static void Octal(TextBuffer* text, uint value)
    {
        for (int shift = 9; shift >= 0; shift -= 3)
        {
            bool isBlank = value >> shift == 0 && shift != 0;
            text->Add(isBlank ? (byte)' ' : (byte)('0' + (value >> shift & 7)));
        }
    }
}
