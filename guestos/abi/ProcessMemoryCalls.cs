using System;

namespace Guestos;

/// <summary>
/// What one process does with another's memory and objects: process_vm_readv(2), process_vm_writev(2), kcmp(2),
/// pidfd_getfd(2). The right to do so is the right to see that process's memory in /proc.
/// </summary>
public static unsafe class ProcessMemoryCalls
{
    private const ulong MaxVectors = 1024;
    private const int PieceSize = 4096;

    public static long Read(ulong id, UserPointer<UserVector> local, ulong localCount, UserPointer<UserVector> remote,
        ulong remoteCount, ulong flags) => Transfer(id, local, localCount, remote, remoteCount, flags, false);

    public static long Write(ulong id, UserPointer<UserVector> local, ulong localCount, UserPointer<UserVector> remote,
        ulong remoteCount, ulong flags) => Transfer(id, local, localCount, remote, remoteCount, flags, true);

    private static long Transfer(ulong id, UserPointer<UserVector> local, ulong localCount,
        UserPointer<UserVector> remote, ulong remoteCount, ulong flags, bool write)
    {
        if (flags != 0 || localCount > MaxVectors || remoteCount > MaxVectors)
            return Errno.EINVAL;
        long error = VectoredTransfer.Make(local, localCount, out VectoredTransfer own);
        if (error < 0 || own.Count == 0 || remoteCount == 0)
            return error;
        for (ulong i = 0; i < remoteCount; i++)
        {
            if (!remote.At(i).TryGet(out UserVector vector))
                return Errno.EFAULT;
            if ((long)vector.Length < 0)
                return Errno.EINVAL;
        }
        Thread* thread = Threads.Find((int)id);
        Process* target = thread != null ? thread->Process : null;
        AddressSpace* space = target != null ? target->Space : null;
        if (space == null)
            return Errno.ESRCH;
        if (!Permissions.MayTrace(Thread.Current, thread))
            return Errno.EPERM;
        if (!AddressSpace.TryHold(space))
            return Errno.ESRCH;
        long result = Pieces(space, ref own, remote, remoteCount, write);
        AddressSpace.LetGo(space);
        return result;
    }

    /// <summary>Bytes moved, or EFAULT when the first could not be.</summary>
    private static long Pieces(AddressSpace* space, ref VectoredTransfer own, UserPointer<UserVector> remote,
        ulong remoteCount, bool write)
    {
        var piece = (byte*)Objects.Allocate(PieceSize);
        if (piece == null)
            return Errno.ENOMEM;
        long done = 0;
        bool goesOn = true;
        for (ulong i = 0; goesOn && i < remoteCount && own.Count > 0; i++)
        {
            goesOn = remote.At(i).TryGet(out UserVector vector);
            while (goesOn && vector.Length > 0 && own.Count > 0)
            {
                ulong step = Math.Min(Math.Min(vector.Length, own.Count), PieceSize - vector.Address % PieceSize);
                // SAFETY: a step is no longer than a piece.
                var bytes = new Span<byte>(piece, (int)step);
                goesOn = write
                    ? own.TryRead(bytes) && TryCopy(space, vector.Address, bytes, true)
                    : TryCopy(space, vector.Address, bytes, false) && own.TryWrite(bytes);
                if (goesOn)
                    done += (long)step;
                vector.Address += step;
                vector.Length -= step;
                Preemption.Point();
                goesOn &= !Signals.Killed;
            }
        }
        Objects.Free(piece, PieceSize);
        return done > 0 || goesOn ? done : Errno.EFAULT;
    }

    /// <summary>Bytes of one page of a space that may be another's.</summary>
    private static bool TryCopy(AddressSpace* space, ulong address, Span<byte> bytes, bool write)
    {
        Access access = write ? Access.Write : Access.Read;
        if (address >= AddressSpace.End
            || AddressSpace.Resolve(space, address, access, Frames.UserFloor) != FaultResult.Resolved)
            return false;
        ulong* entry = PageTable.Find(space->Root, address);
        byte* page = DirectMap.At(*entry & PageTable.AddressMask);
        // SAFETY: the page is there now, and the bytes do not pass its end.
        var there = new Span<byte>(page + (address & (Frames.Size - 1)), bytes.Length);
        if (write)
            bytes.CopyTo(there);
        else
            there.CopyTo(bytes);
        return true;
    }

    // kcmp(2) (include/uapi/linux/kcmp.h)
    private const uint CompareFiles = 0;
    private const uint CompareSpaces = 1;
    private const uint CompareTables = 2;
    private const uint CompareActions = 4;
    private const uint CompareUndo = 6;

    /// <summary>0 for the same object, 1 and 2 for an order of two that are not.</summary>
    public static long Compare(ulong first, ulong second, ulong type, ulong firstIndex, ulong secondIndex)
    {
        Thread* left = Threads.Find((int)first);
        Thread* right = Threads.Find((int)second);
        if (left == null || right == null)
            return Errno.ESRCH;
        if (!Permissions.MayTrace(Thread.Current, left)
            || !Permissions.MayTrace(Thread.Current, right))
            return Errno.EPERM;
        if ((uint)type > CompareUndo)
            return Errno.EINVAL;
        void* a = ObjectOf(left->Process, (uint)type, firstIndex);
        void* b = ObjectOf(right->Process, (uint)type, secondIndex);
        if ((uint)type == CompareFiles && (a == null || b == null))
            return Errno.EBADF;
        if (a == b)
            return 0;
        return a < b ? 1 : 2;
    }

    private static void* ObjectOf(Process* process, uint type, ulong index) => type switch
    {
        CompareFiles => Descriptor.FileOf(process, index),
        CompareSpaces => process->Space,
        CompareTables => process->Files.Table,
        CompareActions => process->Actions,
        // Each process has these for itself: its directories (3), io (5) and what it would undo.
        _ => process,
    };

    public static long GetDescriptor(ulong descriptor, ulong target, ulong flags)
    {
        if (flags != 0)
            return Errno.EINVAL;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null || !PidFile.Is(file))
            return Errno.EBADF;
        Process* process = PidFile.ProcessOf(file);
        if (process == null || process->Space == null)
            return Errno.ESRCH;
        if (!Permissions.MayTrace(Thread.Current, process->FirstThread))
            return Errno.EPERM;
        File* found = Descriptor.FileOf(process, target);
        if (found == null)
            return Errno.EBADF;
        Files.Hold(found);
        long result = FileTable.Install(FileContext.TableOf(Process.Current), found, closeOnExec: true);
        if (result < 0)
            Files.Release(found);
        return result;
    }
}
