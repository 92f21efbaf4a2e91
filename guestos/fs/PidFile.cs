using System;

namespace Guestos;

/// <summary>
/// pidfd_open(2): a process as a descriptor, which never means another one that has its number later. Readable when the
/// process has ended.
/// </summary>
public static unsafe class PidFile
{
    private static FileOperations s_operations;

    private static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Name = &Name,
        Release = &Release,
        Poll = &Poll,
        QueueOf = &QueueOf,
    };

    public static bool Is(File* file) => file->Operations == Operations;

    private static ReadOnlySpan<byte> Name() => "anon_inode:[pidfd]"u8;

    private struct State
    {
        public WaitQueue Queue;
        public int Id;

        /// <summary>With the number it says which process was meant.</summary>
        public ulong StartTime;
        public State* Next;
        public State* Previous;
    }

    private static State* s_first;

    /// <summary>A descriptor of the current process, closed by execve(2). EMFILE, ENFILE, ENOMEM.</summary>
    public static long Open(Process* process, bool nonBlocking)
    {
        State* state = Objects.Allocate<State>();
        if (state == null)
            return Errno.ENOMEM;
        File* file = Files.Allocate(Operations, OpenFlags.RDWR | (nonBlocking ? OpenFlags.NONBLOCK : 0));
        if (file == null)
        {
            Objects.Free(state);
            return Errno.ENFILE;
        }

        state->Id = process->Id;
        state->StartTime = process->StartTime;
        state->Next = s_first;
        if (s_first != null)
            s_first->Previous = state;
        s_first = state;
        file->Object = state;
        long descriptor = FileTable.Install(FileContext.TableOf(Process.Current), file, closeOnExec: true);
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }

    /// <summary>The process, a zombie also; null when it has been waited for.</summary>
    public static Process* ProcessOf(File* file)
    {
        var state = (State*)file->Object;
        Process* process = ProcessTable.Find(state->Id);
        return process != null && process->StartTime == state->StartTime ? process : null;
    }

    /// <summary>
    /// waitid(2), P_PIDFD: the number of the process, 0 when it has been waited for; EBADF when the descriptor means
    /// none.
    /// </summary>
    public static long IdOf(ulong descriptor, bool* nonBlocking)
    {
        File* file = Descriptor.FileOf(descriptor);
        *nonBlocking = false;
        if (file == null || !Is(file))
            return Errno.EBADF;
        *nonBlocking = file->NonBlocking;
        Process* process = ProcessOf(file);
        return process != null ? process->Id : 0;
    }

    /// <summary>A process has become a zombie.</summary>
    public static void Ended(Process* process)
    {
        for (State* state = s_first; state != null; state = state->Next)
            if (state->Id == process->Id)
                Readiness.Changed(&state->Queue, PollEvents.Readable);
    }

    private static uint Poll(File* file)
    {
        Process* process = ProcessOf(file);
        if (process == null)
            return PollEvents.Readable | PollEvents.HangUp;
        return process->State == ProcessState.Zombie ? PollEvents.Readable : 0;
    }

    private static WaitQueue* QueueOf(File* file) => &((State*)file->Object)->Queue;

    private static void Release(File* file)
    {
        var state = (State*)file->Object;
        if (state->Previous != null)
            state->Previous->Next = state->Next;
        else
            s_first = state->Next;
        if (state->Next != null)
            state->Next->Previous = state->Previous;
        Objects.Free(state);
    }
}
