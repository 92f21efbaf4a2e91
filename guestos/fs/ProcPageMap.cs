using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>
/// /proc/PID/pagemap (proc(5)): eight bytes for each page of a process's memory, for whoever may trace it. Numbers of
/// frames are for CAP_SYS_ADMIN.
/// </summary>
public static unsafe class ProcPageMap
{
    private const ulong EntrySize = 8;

    public static bool Is(File* file) =>
        (ProcNode)file->Inode->ProcNode is ProcNode.ProcessPageMap or ProcNode.TaskPageMap;

    /// <summary>
    /// Bytes read, 0 at the end of user addresses, and of a process that is gone or runs another program than when the
    /// file was opened; EINVAL for parts of entries. Gives way.
    /// </summary>
    public static long Read(File* file, ulong offset, ref Transfer to)
    {
        Process* process = ProcessTable.Find(file->Inode->ProcProcess);
        AddressSpace* space = ProcText.SpaceOf(file, process);
        if (space == null)
            return 0;
        if (!Permissions.MayTrace(Thread.Current, process->FirstThread))
            return Errno.EACCES;
        if (offset % EntrySize != 0 || to.Count % EntrySize != 0)
            return Errno.EINVAL;
        if (!AddressSpace.TryHold(space))
            return 0;
        bool showsFrames = Permissions.Has(Capability.SYS_ADMIN);
        ulong page = offset / EntrySize * Frames.Size;
        long done = 0;
        while (to.Count > 0 && offset < AddressSpace.End / Frames.Size * EntrySize && !Signals.Killed)
        {
            Area* area = AddressSpace.AreaAtOrAbove(space, page);
            if (area != null && area->Start > page)
                area = null;
            if (!to.TryFill(EntrySize, out Span<byte> into))
            {
                done = done > 0 ? done : Errno.EFAULT;
                break;
            }
            // The reader's own memory may have come just now.
            ulong entry = AddressSpace.PageMapEntry(space, area, page, showsFrames);
            BinaryPrimitives.WriteUInt64LittleEndian(into, entry);
            to.Advance(EntrySize);
            offset += EntrySize;
            page += Frames.Size;
            done += (long)EntrySize;
            Preemption.Point();
        }
        AddressSpace.LetGo(space);
        return done;
    }
}
