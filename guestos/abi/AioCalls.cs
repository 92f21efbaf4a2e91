using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>io_setup(2) and its relatives (include/uapi/linux/aio_abi.h). Requests are done in io_submit(2).</summary>
public static unsafe class AioCalls
{
    /// <summary>struct iocb.</summary>
    public struct Request
    {
        public ulong Data;
        public uint Key;
        public uint RwFlags;
        public ushort Operation;
        public short Priority;
        public uint Descriptor;
        public ulong Buffer;
        public ulong Bytes;
        public ulong Offset;
        public ulong Reserved;
        public uint Flags;
        public uint EventDescriptor;
    }

    /// <summary>struct __aio_sigset.</summary>
    public struct MaskArgument
    {
        public UserPointer<ulong> Mask;
        public ulong Size;
    }

    // IOCB_CMD_…
    private const ushort ReadOne = 0;
    private const ushort WriteOne = 1;
    private const ushort Sync = 2;
    private const ushort DataSync = 3;
    private const ushort ReadVector = 7;
    private const ushort WriteVector = 8;

    /// <summary>IOCB_FLAG_RESFD, and IOCB_FLAG_IOPRIO, which has no effect.</summary>
    private const uint TellsEvent = 1;
    private const uint HasPriority = 2;

    /// <summary>Beyond it a number of requests is EINVAL.</summary>
    private const uint MaxCapacity = 0x10000000 / 64;

    public static long Setup(ulong count, UserPointer<ulong> id)
    {
        const ulong readWrite = 3;
        if (!id.TryGet(out ulong before))
            return Errno.EFAULT;
        if (before != 0 || (uint)count is 0 or > MaxCapacity)
            return Errno.EINVAL;
        AioContext* context = AioContexts.Create((uint)count);
        if (context == null)
            return Errno.EAGAIN;
        // C libraries look there for a ring of events: of one with zeros they ask the kernel.
        long page = MemoryCalls.Change(SystemCall.Mmap, 0, Frames.Size, readWrite,
            MapFlags.PRIVATE | MapFlags.ANONYMOUS, ulong.MaxValue, 0);
        if (page < 0 || !id.TryPut((ulong)page))
        {
            AioContexts.Destroy(context);
            if (page < 0)
                return page;
            MemoryCalls.Change(SystemCall.Munmap, (ulong)page, Frames.Size, 0, 0, 0, 0);
            return Errno.EFAULT;
        }

        context->Id = (ulong)page;
        return 0;
    }

    public static long Destroy(ulong id)
    {
        AioContext* context = AioContexts.Find(id);
        if (context == null)
            return Errno.EINVAL;
        AioContexts.Destroy(context);
        MemoryCalls.Change(SystemCall.Munmap, id, Frames.Size, 0, 0, 0, 0);
        return 0;
    }

    /// <summary>How many were taken; the error of the first, if none was.</summary>
    public static long Submit(ulong id, ulong count, UserPointer<ulong> requests)
    {
        if ((long)count < 0)
            return Errno.EINVAL;
        AioContext* context = AioContexts.Find(id);
        if (context == null)
            return Errno.EINVAL;
        AioContexts.Hold(context);
        long done = 0;
        long error = 0;
        while (done < (long)count && error == 0)
        {
            error = context->IsDestroyed ? Errno.EINVAL : SubmitOne(context, requests.At((ulong)done));
            if (error == 0)
                done++;
            Preemption.Point();
            if (Signals.Killed)
                break;
        }

        AioContexts.Release(context);
        return done > 0 ? done : error;
    }

    private static long SubmitOne(AioContext* context, UserPointer<ulong> from)
    {
        if (!from.TryGet(out ulong address))
            return Errno.EFAULT;
        UserPointer<Request> at = address;
        if (!at.TryGet(out Request request))
            return Errno.EFAULT;
        if (request.Reserved != 0 || (long)request.Bytes < 0)
            return Errno.EINVAL;
        AioContexts.Node* node = AioContexts.Reserve(context);
        if (node == null)
            return Errno.EAGAIN;
        File* file = Descriptor.FileOf(request.Descriptor);
        File* told = null;
        long error = file == null || file->IsPath ? Errno.EBADF : 0;
        if (error == 0 && (request.Flags & TellsEvent) != 0)
            error = FindEvent(request.EventDescriptor, out told);
        if (error == 0)
            error = Check(file, request);
        if (error == 0)
        {
            request.Key = 0;
            error = at.Put(request);
        }

        if (error < 0)
        {
            AioContexts.GiveBack(context, node);
            return error;
        }

        Files.Hold(file);
        if (told != null)
            Files.Hold(told);
        error = Perform(file, request, out long result);
        if (error == 0)
        {
            node->Event = new AioEvent { Data = request.Data, Request = address, Result = result };
            AioContexts.Add(context, node);
        }
        else
        {
            AioContexts.GiveBack(context, node);
        }

        if (error == 0 && told != null)
            EventCounter.Add(told);
        Files.Release(told);
        Files.Release(file);
        return error;
    }

    private static long FindEvent(ulong descriptor, out File* found)
    {
        found = Descriptor.FileOf(descriptor);
        if (found == null)
            return Errno.EBADF;
        return EventCounter.Is(found) ? 0 : Errno.EINVAL;
    }

    /// <summary>What is refused before a request is one.</summary>
    private static long Check(File* file, in Request request)
    {
        const uint withoutEffect = 7;       // RWF_HIPRI, RWF_DSYNC, RWF_SYNC
        bool isSync = request.Operation is Sync or DataSync;
        if (!isSync && request.Operation is not (ReadOne or WriteOne or ReadVector or WriteVector))
            return Errno.EINVAL;
        if (isSync)
        {
            bool isKept = file->Inode != null && file->Inode->Type is InodeType.REG or InodeType.DIR;
            bool isPlain = (request.Buffer | request.Offset | request.Bytes | request.RwFlags) == 0;
            return isPlain && isKept ? 0 : Errno.EINVAL;
        }

        bool writes = request.Operation is WriteOne or WriteVector;
        if ((request.Flags & ~(TellsEvent | HasPriority)) != 0)
            return Errno.EINVAL;
        if ((request.RwFlags & ~withoutEffect) != 0)
            return Errno.EOPNOTSUPP;
        if (writes ? !file->MayWrite : !file->MayRead)
            return Errno.EBADF;
        bool can = writes ? file->Operations->Write != null : file->Operations->Read != null;
        bool isDirectory = file->Inode != null && file->Inode->Type == InodeType.DIR;
        if (!can || isDirectory || (long)request.Offset < 0)
            return Errno.EINVAL;
        return request.Operation is ReadVector or WriteVector ? CheckVectors(request) : 0;
    }

    private static long CheckVectors(in Request request)
    {
        UserPointer<UserVector> vectors = request.Buffer;
        long error = request.Bytes > FileCalls.MaxVectors ? Errno.EINVAL : 0;
        for (ulong i = 0; error == 0 && i < request.Bytes; i++)
            error = UserVector.Get(vectors.At(i), out _);
        return error;
    }

    /// <summary>An error is that of the call; what the request has come to is its result.</summary>
    private static long Perform(File* file, in Request request, out long result)
    {
        result = 0;
        bool writes = request.Operation is WriteOne or WriteVector;
        if (request.Operation is Sync or DataSync)
            return 0;
        if (request.Operation is ReadVector or WriteVector)
        {
            bool isAt = writes ? file->Operations->WriteAt != null : file->Operations->ReadAt != null;
            ulong offset = isAt ? request.Offset : ulong.MaxValue;
            result = FileCalls.Vectored(request.Descriptor, request.Buffer, request.Bytes, offset, writes);
            return 0;
        }

        if (!UserRange.TryMake(request.Buffer, request.Bytes, out UserRange range))
            return Errno.EFAULT;
        Transfer bytes = Transfer.Of(range.To(FileCalls.MaxTransfer));
        if (writes)
            result = file->Operations->WriteAt != null
                ? Files.WriteAt(file, request.Offset, ref bytes)
                : Files.Write(file, ref bytes);
        else
            result = file->Operations->ReadAt != null
                ? Files.ReadAt(file, request.Offset, ref bytes)
                : Files.Read(file, ref bytes);
        return 0;
    }

    /// <summary>No request waits, so that none can be cancelled.</summary>
    public static long Cancel(ulong id, UserPointer<Request> request, UserPointer<AioEvent> result) =>
        request.TryGet(out _) ? Errno.EINVAL : Errno.EFAULT;

    [MethodImpl(MethodImplOptions.NoInlining)]      // FileDispatch would clear its locals at every call
    public static long GetEvents(
        ulong id, ulong least, ulong most, UserPointer<AioEvent> events, UserPointer<PollCalls.Time> timeout)
    {
        long error = PollCalls.AfterTime(timeout, out ulong deadline);
        return error < 0 ? error : Take(id, (long)least, (long)most, events, deadline);
    }

    /// <summary>io_pgetevents(2): with a mask of signals for the time of the call.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long GetEventsMasked(
        ulong id, ulong least, ulong most, UserPointer<AioEvent> events, UserPointer<PollCalls.Time> timeout,
        UserPointer<MaskArgument> mask)
    {
        long error = PollCalls.AfterTime(timeout, out ulong deadline);
        MaskArgument argument = default;
        if (error == 0 && !mask.IsNull && !mask.TryGet(out argument))
            error = Errno.EFAULT;
        if (error == 0)
            error = PollCalls.SetMask(argument.Mask, argument.Size);
        return error < 0 ? error : Take(id, (long)least, (long)most, events, deadline);
    }

    private static long Take(ulong id, long least, long most, UserPointer<AioEvent> events, ulong deadline)
    {
        AioContext* context = AioContexts.Find(id);
        if (context == null || least < 0 || least > most)
            return Errno.EINVAL;
        AioContexts.Hold(context);
        long taken = 0;
        long error = 0;
        while (true)
        {
            error = TakeDone(context, most, events, ref taken);
            if (error < 0 || taken >= least)
                break;
            error = context->IsDestroyed ? Errno.EINVAL : Await(context, deadline);
            if (error != 0)
                break;
        }

        AioContexts.Release(context);
        return taken > 0 || error > 0 ? taken : error;
    }

    /// <summary>0: look again; 1: the time is over; EINTR.</summary>
    private static long Await(AioContext* context, ulong deadline)
    {
        if (deadline == 0)
            return 1;
        return Scheduler.Sleep(&context->Done, deadline) switch
        {
            WaitResult.Interrupted => Errno.EINTR,
            WaitResult.TimedOut => 1,
            _ => 0,
        };
    }

    private static long TakeDone(AioContext* context, long most, UserPointer<AioEvent> events, ref long taken)
    {
        while (taken < most && AioContexts.TryPeek(context, out AioEvent done))
        {
            if (!events.At((ulong)taken).TryPut(done))
                return Errno.EFAULT;
            AioContexts.Remove(context);
            taken++;
        }

        return 0;
    }
}
