using System;

namespace Guestos;

/// <summary>
/// /proc/PID/mem: a process's memory by its addresses, for whoever may trace it (proc(5)). It may be written to where
/// the process itself may not, if the memory is its own.
/// </summary>
public static unsafe class ProcMemory
{
    public static bool Is(File* file) =>
        (ProcNode)file->Inode->ProcNode is ProcNode.ProcessMemory or ProcNode.TaskMemory;

    /// <summary>
    /// Bytes moved, 0 of a process that is gone or runs another program than when the file was opened, EACCES, EIO at
    /// an address where nothing is.
    /// </summary>
    public static long Copy(File* file, ulong offset, ref Transfer bytes, bool write)
    {
        Process* process = ProcessTable.Find(file->Inode->ProcProcess);
        AddressSpace* space = ProcText.SpaceOf(file, process);
        if (space == null)
            return 0;
        if (!Permissions.MayTrace(Thread.Current, process->FirstThread))
            return Errno.EACCES;
        if (!AddressSpace.TryHold(space))
            return 0;
        long done = 0;
        long error = bytes.Count > 0 ? Errno.EIO : 0;
        while (bytes.Count > 0 && !Signals.Killed)
        {
            ulong step = Math.Min(bytes.Count, Frames.Size - offset % Frames.Size);
            error = CopyPage(space, offset, step, ref bytes, write);
            if (error < 0)
                break;
            offset += step;
            done += (long)step;
            Preemption.Point();
        }
        AddressSpace.LetGo(space);
        return done > 0 ? done : error;
    }

    /// <summary>0, EIO or EFAULT.</summary>
    private static long CopyPage(AddressSpace* space, ulong address, ulong step, ref Transfer bytes, bool write)
    {
        // The caller's own bytes may be of the same page, so they come first: only then the page stays as it is.
        Span<byte> into = default;
        ReadOnlySpan<byte> from = default;
        bool isThere = write ? bytes.TryTake(step, out from) : bytes.TryFill(step, out into);
        if (!isThere)
            return Errno.EFAULT;
        if (!AddressSpace.TryReach(space, address, write, out byte* there))
            return Errno.EIO;
        // SAFETY: a step does not pass the end of the page, which is there now, as the caller's bytes are.
        if (write)
            from.CopyTo(new Span<byte>(there, (int)step));
        else
            new ReadOnlySpan<byte>(there, (int)step).CopyTo(into);
        bytes.Advance(step);
        return 0;
    }
}
