namespace Guestos;

/// <summary>pidfd_open(2), pidfd_send_signal(2).</summary>
public static unsafe class PidFileCalls
{
    private const uint NonBlocking = OpenFlags.NONBLOCK;

    /// <summary>PIDFD_SIGNAL_THREAD_GROUP, which is so without it.</summary>
    private const uint ToThreadGroup = 2;

    public static long Open(ulong id, ulong flags)
    {
        if (!CallFlags.TryMake(flags, NonBlocking, out CallFlags how) || (int)id <= 0)
            return Errno.EINVAL;
        Process* process = ProcessTable.Find((int)id);
        if (process == null)
            return Threads.Find((int)id) != null ? Errno.ENOENT : Errno.ESRCH;
        return PidFile.Open(process, how.Has(NonBlocking));
    }

    public static long SendSignal(
        ulong descriptor, ulong number, UserPointer<SignalCalls.QueuedInformation> information, ulong flags)
    {
        if (!CallFlags.TryMake(flags, ToThreadGroup, out _))
            return Errno.EINVAL;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        // The directory of a process in /proc will do (pidfd_send_signal(2)).
        int id = ProcTree.ProcessOf(file->Inode);
        if (id == 0 && !PidFile.Is(file))
            return Errno.EBADF;
        Process* process = id != 0 ? ProcessTable.Find(id) : PidFile.ProcessOf(file);
        Process* self = Process.Current;
        SignalInformation sent = SignalInformation.About(self, SignalCode.User, 0);
        if (!information.IsNull)
        {
            if (!information.TryGet(out SignalCalls.QueuedInformation given))
                return Errno.EFAULT;
            if (given.Number != (int)number)
                return Errno.EINVAL;
            if (process != self && given.Code is >= 0 or SignalCode.ThreadKill)
                return Errno.EPERM;
            sent = given.Whole;
        }

        if (!Signal.TryMakeOrNone((uint)number, out Signal signal))
            return Errno.EINVAL;
        if (process == null)
            return Errno.ESRCH;
        if (!Permissions.MaySignal(Thread.Current, process->FirstThread))
            return Errno.EPERM;
        return Signals.Send(process, signal, sent) ? 0 : Errno.EAGAIN;
    }
}
