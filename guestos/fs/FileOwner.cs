namespace Guestos;

/// <summary>Who is meant by the number of an owner (F_SETOWN_EX of fcntl(2)).</summary>
public enum FileOwnerType
{
    Thread = 0,
    Process = 1,
    Group = 2,
}

/// <summary>
/// Whom an open file sends a signal when something can be read or written (O_ASYNC, F_SETOWN and F_SETSIG of fcntl(2)).
/// There is none until one of these is asked for.
/// </summary>
public unsafe struct FileOwner
{
    // si_code and si_band (include/uapi/asm-generic/siginfo.h; fs/fcntl.c of Linux, band_table).
    private const int InCode = 1;
    private const int OutCode = 2;
    private const ulong InBand = PollEvents.Readable;
    private const ulong OutBand = PollEvents.Writable | PollEvents.WriteBand;
    private const uint InEvents = PollEvents.In | PollEvents.HangUp | PollEvents.PeerClosed | PollEvents.Error;

    /// <summary>Begun while O_ASYNC is set.</summary>
    internal Watch Watch;
    internal File* File;

    public FileOwnerType Type;

    /// <summary>0: nobody.</summary>
    public int Id;

    /// <summary>What is sent instead of SIGIO, with the descriptor and what is ready.</summary>
    public Signal Signal;

    /// <summary>Who has named the owner: it is sent nothing that they could not send.</summary>
    private uint realUser;
    private uint effectiveUser;

    /// <summary>The descriptor by which O_ASYNC was set (si_fd).</summary>
    private int descriptor;

    /// <summary>That of an open file, made when there is none; null without memory.</summary>
    public static FileOwner* Of(File* file)
    {
        if (file->Owner != null)
            return file->Owner;
        FileOwner* owner = Objects.Allocate<FileOwner>();
        if (owner == null)
            return null;
        owner->File = file;
        owner->Watch.Owner = owner;
        owner->Watch.Notify = &Notify;
        owner->Watch.Events = InEvents | PollEvents.Out;
        file->Owner = owner;
        return owner;
    }

    /// <summary>A thread, a process or a group; of the number 0 nobody. ESRCH: there is none. ENOMEM.</summary>
    public static long Set(File* file, FileOwnerType type, int id)
    {
        if (id < 0 || id != 0 && !Exists(type, id))
            return Errno.ESRCH;
        FileOwner* owner = Of(file);
        if (owner == null)
            return Errno.ENOMEM;
        owner->Type = type;
        owner->Id = id;
        owner->realUser = Credentials.Current.RealUserId;
        owner->effectiveUser = Credentials.Current.EffectiveUserId;
        return 0;
    }

    private static bool Exists(FileOwnerType type, int id)
    {
        if (type != FileOwnerType.Group)
            return ProcessOf(type, id) != null;
        for (Process* process = ProcessTable.FirstAfter(0); process != null;
            process = ProcessTable.FirstAfter(process->Id))
            if (process->ProcessGroupId == id)
                return true;
        return false;
    }

    private static Process* ProcessOf(FileOwnerType type, int id)
    {
        if (type == FileOwnerType.Process)
            return ProcessTable.Find(id);
        Thread* thread = Threads.Find(id);
        return thread != null ? thread->Process : null;
    }

    /// <summary>O_ASYNC is set or cleared. Kinds that never send anything keep the flag alone. ENOMEM.</summary>
    public static long SetAsynchronous(File* file, int descriptor, bool on)
    {
        bool was = (file->Flags & OpenFlags.ASYNC) != 0;
        if (on && !was && CanSignal(file))
        {
            FileOwner* owner = Of(file);
            if (owner == null || !Watch.TryBegin(&owner->Watch, Files.QueueOf(file)))
                return Errno.ENOMEM;
            owner->descriptor = descriptor;
        }
        else if (!on && file->Owner != null)
        {
            Watch.End(&file->Owner->Watch);
        }

        file->Flags = on ? file->Flags | OpenFlags.ASYNC : file->Flags & ~OpenFlags.ASYNC;
        return 0;
    }

    /// <summary>Pipes, sockets, terminals and inotify do (FIOASYNC is ENOTTY of others).</summary>
    public static bool CanSignal(File* file) =>
        (file->Operations->Traits & FileTraits.Stream) != 0 && Files.QueueOf(file) != null;

    /// <summary>The last reference to the open file is given up.</summary>
    internal static void Forget(File* file)
    {
        if (file->Owner == null)
            return;
        Watch.End(&file->Owner->Watch);
        Objects.Free(file->Owner);
        file->Owner = null;
    }

    /// <summary>Called by interrupt handlers, too.</summary>
    private static void Notify(Watch* watch, uint events)
    {
        var owner = (FileOwner*)watch->Owner;
        bool canRead = (events & InEvents) != 0 && owner->File->MayRead;
        bool canWrite = (events & PollEvents.Out) != 0 && owner->File->MayWrite;
        if (owner->Id == 0 || !canRead && !canWrite)
            return;
        if (owner->Type != FileOwnerType.Group)
        {
            Process* process = ProcessOf(owner->Type, owner->Id);
            if (process != null)
                owner->Send(process, canRead);
            return;
        }

        for (Process* process = ProcessTable.FirstAfter(0); process != null;
            process = ProcessTable.FirstAfter(process->Id))
            if (process->ProcessGroupId == owner->Id)
                owner->Send(process, canRead);
    }

    private readonly void Send(Process* process, bool canRead)
    {
        ref Credentials of = ref process->Credentials;
        bool may = effectiveUser == 0
            || effectiveUser == of.RealUserId || effectiveUser == of.SavedUserId
            || realUser == of.RealUserId || realUser == of.SavedUserId;
        if (!may)
            return;
        var information = new SignalInformation { Code = SignalCode.Kernel };
        if (!Signal.IsNone)
        {
            information.Code = canRead ? InCode : OutCode;
            information.First = canRead ? InBand : OutBand;
            information.Second = (uint)descriptor;
        }

        Signal signal = Signal.IsNone ? Signal.Io : Signal;
        Thread* thread = Type == FileOwnerType.Thread ? Threads.Find(Id) : null;
        if (thread != null)
            Signals.Send(thread, signal, information);
        else
            Signals.Send(process, signal, information);
    }
}
