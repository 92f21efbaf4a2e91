using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>
/// What the files of /proc say (proc(5)): made whole at a read from the beginning, and kept for the reads that follow,
/// so that a reader sees one moment. Here the system's; a process's are in <see cref="ProcProcess"/>.
/// </summary>
public static unsafe class ProcText
{
    private const ulong NanosecondsPerTick = 10_000_000;     // USER_HZ is 100

    private static FileOperations s_operations;

    /// <summary>
    /// What the files of /proc/net say, and the network's lines of /proc/evilman/counters: the network's to set, at
    /// boot.
    /// </summary>
    public static delegate*<ProcNode, TextBuffer*, void> NetworkText;
    public static delegate*<TextBuffer*, void> NetworkCounters;

    /// <summary>What the files of System V's objects and limits say: theirs to set, at boot (fs/ipc).</summary>
    public static delegate*<ProcNode, TextBuffer*, void> IpcText;

    public static FileOperations* Operations => FileOperations.At(ref s_operations);

    internal static void Init() => s_operations = new FileOperations
    {
        Traits = FileTraits.Sendable,
        Open = &Open,
        Release = &Release,
        Read = &Read,
        Write = &Write,
        ReadAt = &ReadAt,
        WriteAt = &WriteAt,
        Seek = &Seek,
    };

    /// <summary>
    /// What a file says of a process's memory it says of the program that the process runs now: whoever may open it
    /// need not have the right to that of the next one, which may be a set-user-id program. Its number is kept.
    /// </summary>
    private static long Open(File* file)
    {
        Process* process = ProcessTable.Find(file->Inode->ProcProcess);
        AddressSpace* space = process != null ? process->Space : null;
        file->Handle = space != null ? (long)space->Serial : 0;
        return 0;
    }

    /// <summary>
    /// The memory that a file of a process was opened for; null when the process runs another program now, or none.
    /// </summary>
    internal static AddressSpace* SpaceOf(File* file, Process* process)
    {
        AddressSpace* space = process != null ? process->Space : null;
        return space != null && (long)space->Serial == file->Handle ? space : null;
    }

    /// <summary>No size is known that could be counted from (EINVAL).</summary>
    private static long Seek(File* file, long offset, uint whence) =>
        whence <= 1 ? Files.SeekInside(file, offset, whence) : Errno.EINVAL;

    private static long Read(File* file, ref Transfer to)
    {
        SleepLock.Take(&file->PositionLock);
        long count = ReadAt(file, file->Position, ref to);
        if (count > 0)
            file->Position += (ulong)count;
        SleepLock.Release(&file->PositionLock);
        return count;
    }

    private static long ReadAt(File* file, ulong offset, ref Transfer to)
    {
        if (ProcMemory.Is(file))
            return ProcMemory.Copy(file, offset, ref to, write: false);
        if (ProcPageMap.Is(file))
            return ProcPageMap.Read(file, offset, ref to);
        var text = (TextBuffer*)file->Object;
        if (text == null)
        {
            text = Objects.Allocate<TextBuffer>();
            file->Object = text;
        }
        if (text == null)
            return Errno.ENOMEM;
        if (offset == 0)
        {
            text->Clear();
            if (!Make(file, text))
                return Errno.ESRCH;
        }

        return text->Read(offset, ref to);
    }

    /// <summary>The few files that may be written: names. A trailing newline does not count.</summary>
    private static long Write(File* file, ref Transfer from)
    {
        if (ProcMemory.Is(file))
        {
            SleepLock.Take(&file->PositionLock);
            long count = WriteAt(file, file->Position, ref from);
            if (count > 0)
                file->Position += (ulong)count;
            SleepLock.Release(&file->PositionLock);
            return count;
        }
        int length = (int)Math.Min(from.Count, 256);
        if (!from.TryTake((ulong)length, out ReadOnlySpan<byte> value))
            return Errno.EFAULT;
        if (length > 0 && value[length - 1] == '\n')
            value = value.Slice(0, length - 1);
        switch ((ProcNode)file->Inode->ProcNode)
        {
            case ProcNode.HostName:
                if (value.Length > HostName.MaxLength)
                    return Errno.EINVAL;
                HostName.Set(value);
                break;
            case ProcNode.DomainName:
                if (value.Length > HostName.MaxLength)
                    return Errno.EINVAL;
                HostName.SetDomain(value);
                break;
            case ProcNode.ProcessName or ProcNode.TaskName:
                Process* process = ProcessTable.Find(file->Inode->ProcProcess);
                if (process == null || ThreadOf(process, file->Inode) == null)
                    return Errno.ESRCH;
                if (process != Process.Current)
                    return Errno.EINVAL;
                byte* name = ThreadOf(process, file->Inode)->Name;
                for (int i = 0; i < Thread.NameLength; i++)
                    name[i] = i < value.Length && i < Thread.NameLength - 1 ? value[i] : (byte)0;
                break;
            case ProcNode.Overcommit:
                break;
            default:
                return Errno.EINVAL;
        }

        return (long)from.Count;
    }

    private static long WriteAt(File* file, ulong offset, ref Transfer from) =>
        ProcMemory.Is(file) ? ProcMemory.Copy(file, offset, ref from, write: true) : Write(file, ref from);

    private static void Release(File* file)
    {
        var text = (TextBuffer*)file->Object;
        if (text == null)
            return;
        text->Clear();
        Objects.Free(text);
        file->Object = null;
    }

    /// <summary>The thread that a file is about: that of its task directory, else the first of the process.</summary>
    private static Thread* ThreadOf(Process* process, Inode* inode) =>
        (ProcNode)inode->ProcNode > ProcNode.Task
            ? ProcTree.ThreadOf(process->Id, inode->ProcDescriptor)
            : process->FirstThread;

    /// <summary>False when the process or thread that it is about is gone.</summary>
    private static bool Make(File* file, TextBuffer* text)
    {
        Inode* inode = file->Inode;
        var node = (ProcNode)inode->ProcNode;
        if (node > ProcNode.Process)
        {
            Process* process = ProcessTable.Find(inode->ProcProcess);
            Thread* thread = process != null ? ThreadOf(process, inode) : null;
            if (thread != null && node == ProcNode.DescriptorInformation)
                return ProcProcess.MakeDescriptor(process, inode->ProcDescriptor, text);
            if (thread != null)
                ProcProcess.Make(node, thread, SpaceOf(file, process), text);
            return thread != null;
        }

        switch (node)
        {
            case ProcNode.Stat:
                Stat(text);
                break;
            case ProcNode.MemoryInformation:
                MemoryInformation(text);
                break;
            case ProcNode.ObjectInformation:
                ObjectInformation(text);
                break;
            case ProcNode.Uptime:
                text->AddHundredths(Clock.Monotonic / NanosecondsPerTick);
                text->Add((byte)' ');
                text->AddHundredths(Scheduler.IdleTime / NanosecondsPerTick);
                text->Add((byte)'\n');
                break;
            case ProcNode.LoadAverage:
                LoadAverage(text);
                break;
            case ProcNode.ProcessorInformation:
                ProcessorInformation(text);
                break;
            case ProcNode.Version:
                text->Add(SystemNames.KernelType);
                text->Add(" version "u8);
                text->Add(SystemNames.KernelRelease);
                text->Add(" "u8);
                Line(text, SystemNames.KernelVersion);
                break;
            case ProcNode.FileSystems:
                text->Add("nodev\tramfs\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tproc\nnodev\tsysfs\n"u8);
                break;
            case ProcNode.CommandLine:
                Line(text, CommandLine.Text);
                break;
            case ProcNode.Interrupts:
                text->Add("           CPU0\n"u8);
                break;
            case ProcNode.HostName:
                Line(text, HostName.Text);
                break;
            case ProcNode.DomainName:
                Line(text, HostName.Domain);
                break;
            case ProcNode.KernelRelease:
                Line(text, SystemNames.KernelRelease);
                break;
            case ProcNode.KernelType:
                Line(text, SystemNames.KernelType);
                break;
            case ProcNode.KernelVersion:
                Line(text, SystemNames.KernelVersion);
                break;
            case ProcNode.MaxPid:
                Line(text, "32768"u8);
                break;
            case ProcNode.EntropyAvailable:
                Line(text, "256"u8);
                break;
            case ProcNode.Overcommit:
                Line(text, "0"u8);
                break;
            case ProcNode.Tainted:
                Line(text, "0"u8);
                break;
            case ProcNode.CorePattern:
                Line(text, "core"u8);
                break;
            case ProcNode.LastCapability:
                text->Add((ulong)CapabilitySets.Last);
                text->Add((byte)'\n');
                break;
            case ProcNode.MaxPipe:
                text->Add(Pipe.MaxCapacity);
                text->Add((byte)'\n');
                break;
            case ProcNode.MaxFiles:
                text->Add(Frames.Total);
                text->Add((byte)'\n');
                break;
            case ProcNode.MaxQueuedEvents:
                text->Add((ulong)Inotify.MaxQueued);
                text->Add((byte)'\n');
                break;
            case ProcNode.MaxInstances:
                text->Add((ulong)Inotify.MaxInstances);
                text->Add((byte)'\n');
                break;
            case ProcNode.MaxWatches:
                text->Add((ulong)Inotify.MaxWatches);
                text->Add((byte)'\n');
                break;
            case >= ProcNode.MaxMessage and <= ProcNode.MaxSegmentPages or >= ProcNode.IpcMessages
                and <= ProcNode.IpcMemory:
                if (IpcText != null)
                    IpcText(node, text);
                break;
            case ProcNode.BootId or ProcNode.Uuid:
                Uuid(text);
                break;
            case ProcNode.UnknownCalls:
                UnknownCallCounts(text);
                break;
            case ProcNode.Counters:
                Counters(text);
                break;
            case >= ProcNode.NetDevices and <= ProcNode.NetArp
                or >= ProcNode.MaxBacklog and <= ProcNode.Disabled6Ethernet:
                if (NetworkText != null)
                    NetworkText(node, text);
                break;
        }

        return true;
    }

    private static void Line(TextBuffer* text, ReadOnlySpan<byte> value)
    {
        text->Add(value);
        text->Add((byte)'\n');
    }

    private static void Stat(TextBuffer* text)
    {
        ulong user = Scheduler.UserTime / NanosecondsPerTick;
        ulong kernel = Scheduler.KernelTime / NanosecondsPerTick;
        ulong all = Clock.Monotonic / NanosecondsPerTick;
        ulong idle = all > user + kernel ? all - user - kernel : 0;     // what interrupts take counts as idle
        for (int i = 0; i < 2; i++)
        {
            text->Add(i == 0 ? "cpu  "u8 : "cpu0 "u8);
            text->Add(user);
            text->Add(" 0 "u8);
            text->Add(kernel);
            text->Add((byte)' ');
            text->Add(idle);
            text->Add(" 0 0 0 0 0 0\n"u8);
        }

        text->Add("intr 0\nctxt "u8);
        text->Add(Scheduler.Switches);
        text->Add("\nbtime "u8);
        text->Add((Clock.Realtime - Clock.Monotonic) / 1_000_000_000);
        text->Add("\nprocesses "u8);
        text->Add(ProcessTable.Created);
        text->Add("\nprocs_running "u8);
        text->Add((ulong)Scheduler.RunnableCount);
        text->Add("\nprocs_blocked 0\n"u8);
    }

    private static void MemoryInformation(TextBuffer* text)
    {
        ulong files = 0;
        ulong free = Frames.Free;
        Entry(text, "MemTotal:       "u8, Frames.Total);
        Entry(text, "MemFree:        "u8, free);
        Entry(text, "MemAvailable:   "u8, free);
        Entry(text, "Buffers:        "u8, 0);
        Entry(text, "Cached:         "u8, files);
        Entry(text, "SwapCached:     "u8, 0);
        Entry(text, "Active:         "u8, Frames.Total - free);
        Entry(text, "Inactive:       "u8, 0);
        Entry(text, "SwapTotal:      "u8, 0);
        Entry(text, "SwapFree:       "u8, 0);
        Entry(text, "Dirty:          "u8, 0);
        Entry(text, "Writeback:      "u8, 0);
        Entry(text, "AnonPages:      "u8, Frames.CountOf(FrameState.User));
        Entry(text, "Mapped:         "u8, 0);
        Entry(text, "Shmem:          "u8, 0);
        Entry(text, "Slab:           "u8, Objects.FramesHeld + SlabTotals.Frames);
        Entry(text, "PageTables:     "u8, Frames.CountOf(FrameState.PageTable));
    }

    private static void Entry(TextBuffer* text, ReadOnlySpan<byte> name, ulong frames)
    {
        text->Add(name);
        text->Add(frames * 4, 8);
        text->Add(" kB\n"u8);
    }

    /// <summary>
    /// slabinfo(5), its first six columns: kernel objects in use, by size, and the frames that they hold. The last line
    /// is of the kernel's own kinds together, in bytes.
    /// </summary>
    private static void ObjectInformation(TextBuffer* text)
    {
        text->Add("slabinfo - version: 2.1\n"u8);
        for (int index = 0; index < Objects.Classes; index++)
        {
            ulong size = Objects.SizeOf(index);
            ulong each = Frames.Size / size;
            text->Add("size-"u8);
            text->Add(size);
            ObjectLine(text, Objects.ActiveIn(index), Objects.FramesIn(index) * each, size, each);
        }
        text->Add("slabs"u8);
        ObjectLine(text, SlabTotals.BytesInUse, SlabTotals.Frames, Frames.Size, 1);
    }

    private static void ObjectLine(TextBuffer* text, ulong active, ulong total, ulong size, ulong each)
    {
        text->Add((byte)' ');
        text->Add(active);
        text->Add((byte)' ');
        text->Add(total);
        text->Add((byte)' ');
        text->Add(size);
        text->Add((byte)' ');
        text->Add(each);
        text->Add(" 1\n"u8);
    }

    private static void LoadAverage(TextBuffer* text)
    {
        text->AddHundredths(Scheduler.Load1 * 100 >> 16);
        text->Add((byte)' ');
        text->AddHundredths(Scheduler.Load5 * 100 >> 16);
        text->Add((byte)' ');
        text->AddHundredths(Scheduler.Load15 * 100 >> 16);
        text->Add((byte)' ');
        ulong all = 0;
        ulong last = 0;
        Process* process = ProcessTable.FirstAfter(0);
        for (; process != null; process = ProcessTable.FirstAfter(process->Id))
        {
            all++;
            last = (ulong)process->Id;
        }

        text->Add((ulong)Scheduler.RunnableCount);
        text->Add((byte)'/');
        text->Add(all);
        text->Add((byte)' ');
        text->Add(last);
        text->Add((byte)'\n');
    }

    /// <summary>
    /// As much of it as programs look at: vendor and brand from CPUID (SDM vol. 2A, CPUID leaves 0 and 0x80000002).
    /// </summary>
    private static void ProcessorInformation(TextBuffer* text)
    {
        uint* r = stackalloc uint[4];
        text->Add("processor\t: 0\nvendor_id\t: "u8);
        Board.Processor.CpuId(0, 0, r);
        uint* vendor = stackalloc uint[3];
        vendor[0] = r[1];
        vendor[1] = r[3];
        vendor[2] = r[2];
        text->Add((byte*)vendor, 12);
        Board.Processor.CpuId(1, 0, r);
        uint signature = r[0];
        uint family = signature >> 8 & 15;
        text->Add("\ncpu family\t: "u8);
        text->Add(family == 15 ? 15 + (signature >> 20 & 255) : family);
        text->Add("\nmodel\t\t: "u8);
        text->Add((signature >> 4 & 15) | (family >= 6 ? signature >> 12 & 0xf0 : 0));
        text->Add("\nmodel name\t: "u8);
        Board.Processor.CpuId(0x80000000, 0, r);
        if (r[0] >= 0x80000004)
        {
            for (uint leaf = 0x80000002; leaf <= 0x80000004; leaf++)
            {
                Board.Processor.CpuId(leaf, 0, r);
                text->Add((byte*)r, 16);
            }
        }

        text->Add("\ncpu cores\t: 1\n\n"u8);
    }

    private static void Uuid(TextBuffer* text)
    {
        byte* bytes = stackalloc byte[16];
        Randomness.Fill(new Span<byte>(bytes, 16));
        bytes[6] = (byte)(bytes[6] & 0x0f | 0x40);
        bytes[8] = (byte)(bytes[8] & 0x3f | 0x80);
        for (int i = 0; i < 16; i++)
        {
            if (i is 4 or 6 or 8 or 10)
                text->Add((byte)'-');
            text->AddHex(bytes[i], 2);
        }

        text->Add((byte)'\n');
    }

    /// <summary>Number and count of every system call that was asked for and is not there.</summary>
    private static void UnknownCallCounts(TextBuffer* text)
    {
        for (int number = 0; number < UnknownCalls.MaxNumbers; number++)
        {
            uint count = UnknownCalls.Of(number);
            if (count == 0)
                continue;
            text->Add((ulong)number);
            text->Add((byte)' ');
            text->Add(count);
            text->Add((byte)'\n');
        }
    }

    private static void Counters(TextBuffer* text)
    {
        Counter(text, "frames_total"u8, Frames.Total);
        Counter(text, "frames_free"u8, Frames.Free);
        Counter(text, "frames_objects"u8, Objects.FramesHeld);
        Counter(text, "inodes"u8, (ulong)Vfs.InodesInUse);
        Counter(text, "open_files"u8, (ulong)Files.InUse);
        Counter(text, "processes_created"u8, ProcessTable.Created);
        Counter(text, "context_switches"u8, Scheduler.Switches);
        Counter(text, "idle_nanoseconds"u8, Scheduler.IdleTime);
        Counter(text, "initramfs_members"u8, (ulong)InitialTree.Taken);
        Counter(text, "initramfs_left_out"u8, (ulong)InitialTree.LeftOut);
        if (NetworkCounters != null)
            NetworkCounters(text);
    }

    internal static void Counter(TextBuffer* text, ReadOnlySpan<byte> name, ulong value)
    {
        text->Add(name);
        text->Add((byte)' ');
        text->Add(value);
        text->Add((byte)'\n');
    }
}
