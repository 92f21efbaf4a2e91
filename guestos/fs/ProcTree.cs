using System;

namespace Guestos;

/// <summary>
/// The files of /proc. Those from <see cref="Process"/> on exist once per process, those from <see cref="Task"/> on
/// once per thread.
/// </summary>
public enum ProcNode
{
    Root,
    Self,
    Stat,
    MemoryInformation,
    ObjectInformation,
    Uptime,
    LoadAverage,
    ProcessorInformation,
    Version,
    Mounts,
    FileSystems,
    CommandLine,
    Interrupts,
    Net,
    Sys,
    Evilman,
    NetDevices,
    NetTcp,
    NetTcp6,
    NetUdp,
    NetUdp6,
    NetRaw,
    NetRaw6,
    NetUnix,
    NetRoute,
    NetInterfaces6,
    NetSockets,
    NetSockets6,
    NetSnmp,
    NetArp,
    SysKernel,
    SysMemory,
    HostName,
    DomainName,
    KernelRelease,
    KernelType,
    KernelVersion,
    MaxPid,
    Random,
    BootId,
    Uuid,
    EntropyAvailable,
    Overcommit,
    UnknownCalls,
    Counters,
    ThreadSelf,
    SysFiles,
    Tainted,
    CorePattern,
    LastCapability,
    MaxMessage,
    MaxQueueBytes,
    MaxQueues,
    Semaphores,
    MaxSegment,
    MaxSegments,
    MaxSegmentPages,
    MaxPipe,
    MaxFiles,
    SysInotify,
    MaxQueuedEvents,
    MaxInstances,
    MaxWatches,
    SysNet,
    SysNetCore,
    MaxBacklog,
    SysNet6,
    BindOnly6,
    SysNet6Conf,
    Net6All,
    Net6Default,
    Net6Loopback,
    Net6Ethernet,
    Disabled6All,
    Disabled6Default,
    Disabled6Loopback,
    Disabled6Ethernet,
    Ipc,
    IpcMessages,
    IpcSemaphores,
    IpcMemory,
    Process,
    ProcessStat,
    ProcessStatus,
    ProcessSizes,
    ProcessCommandLine,
    ProcessEnvironment,
    ProcessName,
    ProcessMaps,
    ProcessMapDetails,
    ProcessMapSums,
    ProcessPageMap,
    ProcessMounts,
    ProcessMountInformation,
    ProcessLimits,
    ProcessAuxiliary,
    ProcessMemory,
    ProcessExecutable,
    ProcessDirectory,
    ProcessRoot,
    ProcessFiles,
    Descriptor,
    ProcessFileInformation,
    DescriptorInformation,
    ProcessTasks,
    Task,
    TaskStat,
    TaskStatus,
    TaskName,
    TaskMemory,
    TaskSizes,
    TaskCommandLine,
    TaskEnvironment,
    TaskMaps,
    TaskMapDetails,
    TaskMapSums,
    TaskPageMap,
    TaskMounts,
    TaskMountInformation,
    TaskLimits,
    TaskAuxiliary,
    TaskExecutable,
    TaskDirectory,
    TaskRoot,
    Count,
}

/// <summary>
/// /proc as a tree: inodes are made by lookup and die with their last user; only the root stays. What files say is in
/// <see cref="ProcText"/>.
/// </summary>
public static unsafe class ProcTree
{
    /// <summary>PROC_SUPER_MAGIC.</summary>
    private const ulong Magic = 0x9fa0;

    /// <summary>Cookies of processes and descriptors in their directories: behind those of fixed names.</summary>
    private const ulong NumberCookie = 1000;

    private static InodeOperations s_operations;

    /// <summary>The root directory, wherever it is mounted.</summary>
    public static Inode* Root;

    public static void Init()
    {
        s_operations = new InodeOperations
        {
            Traits = InodeTraits.Fixed,
            Magic = Magic,
            RegularFile = ProcText.Operations,
            Lookup = &Lookup,
            ParentOf = &ParentOf,
            NextEntry = &NextEntry,
            MayFollow = &MayFollow,
            MayOpen = &MayOpen,
            Jump = &Jump,
            LinkText = &LinkText,
            PathInside = &PathInside,
            Root = &GetRoot,
        };
        Root = Make(ProcNode.Root, 0, 0);
        Root->Links = 2;
    }

    private static Inode* GetRoot() => Root;

    /// <summary>The id of the process whose directory in /proc it is; 0 for anything else.</summary>
    public static int ProcessOf(Inode* inode) =>
        inode != null && inode->Operations == InodeOperations.At(ref s_operations)
            && (ProcNode)inode->ProcNode == ProcNode.Process ? inode->ProcProcess : 0;

    private static ReadOnlySpan<byte> NameOf(ProcNode node) => node switch
    {
        ProcNode.Self => "self"u8,
        ProcNode.Stat or ProcNode.ProcessStat or ProcNode.TaskStat => "stat"u8,
        ProcNode.MemoryInformation => "meminfo"u8,
        ProcNode.ObjectInformation => "slabinfo"u8,
        ProcNode.Uptime => "uptime"u8,
        ProcNode.LoadAverage => "loadavg"u8,
        ProcNode.ProcessorInformation => "cpuinfo"u8,
        ProcNode.Version or ProcNode.KernelVersion => "version"u8,
        ProcNode.Mounts or ProcNode.ProcessMounts or ProcNode.TaskMounts => "mounts"u8,
        ProcNode.ProcessMountInformation or ProcNode.TaskMountInformation => "mountinfo"u8,
        ProcNode.FileSystems => "filesystems"u8,
        ProcNode.CommandLine or ProcNode.ProcessCommandLine or ProcNode.TaskCommandLine => "cmdline"u8,
        ProcNode.Interrupts => "interrupts"u8,
        ProcNode.Net or ProcNode.SysNet => "net"u8,
        ProcNode.Sys => "sys"u8,
        ProcNode.Evilman => "evilman"u8,
        ProcNode.NetDevices => "dev"u8,
        ProcNode.NetTcp => "tcp"u8,
        ProcNode.NetTcp6 => "tcp6"u8,
        ProcNode.NetUdp => "udp"u8,
        ProcNode.NetUdp6 => "udp6"u8,
        ProcNode.NetRaw => "raw"u8,
        ProcNode.NetRaw6 => "raw6"u8,
        ProcNode.NetUnix => "unix"u8,
        ProcNode.NetRoute => "route"u8,
        ProcNode.NetInterfaces6 => "if_inet6"u8,
        ProcNode.NetSockets => "sockstat"u8,
        ProcNode.NetSockets6 => "sockstat6"u8,
        ProcNode.NetSnmp => "snmp"u8,
        ProcNode.NetArp => "arp"u8,
        ProcNode.SysKernel => "kernel"u8,
        ProcNode.SysMemory => "vm"u8,
        ProcNode.HostName => "hostname"u8,
        ProcNode.DomainName => "domainname"u8,
        ProcNode.KernelRelease => "osrelease"u8,
        ProcNode.KernelType => "ostype"u8,
        ProcNode.MaxPid => "pid_max"u8,
        ProcNode.Random => "random"u8,
        ProcNode.BootId => "boot_id"u8,
        ProcNode.Uuid => "uuid"u8,
        ProcNode.EntropyAvailable => "entropy_avail"u8,
        ProcNode.Overcommit => "overcommit_memory"u8,
        ProcNode.UnknownCalls => "unknown_syscalls"u8,
        ProcNode.Counters => "counters"u8,
        ProcNode.ThreadSelf => "thread-self"u8,
        ProcNode.SysFiles => "fs"u8,
        ProcNode.Tainted => "tainted"u8,
        ProcNode.CorePattern => "core_pattern"u8,
        ProcNode.LastCapability => "cap_last_cap"u8,
        ProcNode.MaxMessage => "msgmax"u8,
        ProcNode.MaxQueueBytes => "msgmnb"u8,
        ProcNode.MaxQueues => "msgmni"u8,
        ProcNode.Semaphores or ProcNode.IpcSemaphores => "sem"u8,
        ProcNode.MaxSegment => "shmmax"u8,
        ProcNode.MaxSegments => "shmmni"u8,
        ProcNode.MaxSegmentPages => "shmall"u8,
        ProcNode.MaxPipe => "pipe-max-size"u8,
        ProcNode.MaxFiles => "file-max"u8,
        ProcNode.SysInotify => "inotify"u8,
        ProcNode.MaxQueuedEvents => "max_queued_events"u8,
        ProcNode.MaxInstances => "max_user_instances"u8,
        ProcNode.MaxWatches => "max_user_watches"u8,
        ProcNode.SysNetCore => "core"u8,
        ProcNode.MaxBacklog => "somaxconn"u8,
        ProcNode.SysNet6 => "ipv6"u8,
        ProcNode.BindOnly6 => "bindv6only"u8,
        ProcNode.SysNet6Conf => "conf"u8,
        ProcNode.Net6All => "all"u8,
        ProcNode.Net6Default => "default"u8,
        ProcNode.Net6Loopback => "lo"u8,
        ProcNode.Net6Ethernet => "eth0"u8,
        >= ProcNode.Disabled6All and <= ProcNode.Disabled6Ethernet => "disable_ipv6"u8,
        ProcNode.Ipc => "sysvipc"u8,
        ProcNode.IpcMessages => "msg"u8,
        ProcNode.IpcMemory => "shm"u8,
        ProcNode.ProcessStatus or ProcNode.TaskStatus => "status"u8,
        ProcNode.ProcessSizes or ProcNode.TaskSizes => "statm"u8,
        ProcNode.ProcessEnvironment or ProcNode.TaskEnvironment => "environ"u8,
        ProcNode.ProcessName or ProcNode.TaskName => "comm"u8,
        ProcNode.ProcessMaps or ProcNode.TaskMaps => "maps"u8,
        ProcNode.ProcessMapDetails or ProcNode.TaskMapDetails => "smaps"u8,
        ProcNode.ProcessMapSums or ProcNode.TaskMapSums => "smaps_rollup"u8,
        ProcNode.ProcessPageMap or ProcNode.TaskPageMap => "pagemap"u8,
        ProcNode.ProcessLimits or ProcNode.TaskLimits => "limits"u8,
        ProcNode.ProcessAuxiliary or ProcNode.TaskAuxiliary => "auxv"u8,
        ProcNode.ProcessMemory or ProcNode.TaskMemory => "mem"u8,
        ProcNode.ProcessExecutable or ProcNode.TaskExecutable => "exe"u8,
        ProcNode.ProcessDirectory or ProcNode.TaskDirectory => "cwd"u8,
        ProcNode.ProcessRoot or ProcNode.TaskRoot => "root"u8,
        ProcNode.ProcessFiles => "fd"u8,
        ProcNode.ProcessFileInformation => "fdinfo"u8,
        ProcNode.ProcessTasks => "task"u8,
        _ => default,
    };

    private static ProcNode ParentOf(ProcNode node) => node switch
    {
        >= ProcNode.NetDevices and <= ProcNode.NetArp => ProcNode.Net,
        ProcNode.SysKernel or ProcNode.SysMemory or ProcNode.SysFiles or ProcNode.SysNet => ProcNode.Sys,
        ProcNode.SysNetCore or ProcNode.SysNet6 => ProcNode.SysNet,
        ProcNode.MaxBacklog => ProcNode.SysNetCore,
        ProcNode.BindOnly6 or ProcNode.SysNet6Conf => ProcNode.SysNet6,
        >= ProcNode.Net6All and <= ProcNode.Net6Ethernet => ProcNode.SysNet6Conf,
        >= ProcNode.Disabled6All and <= ProcNode.Disabled6Ethernet => node - ProcNode.Disabled6All + ProcNode.Net6All,
        >= ProcNode.Tainted and <= ProcNode.MaxSegmentPages => ProcNode.SysKernel,
        ProcNode.MaxPipe or ProcNode.MaxFiles or ProcNode.SysInotify => ProcNode.SysFiles,
        >= ProcNode.MaxQueuedEvents and <= ProcNode.MaxWatches => ProcNode.SysInotify,
        >= ProcNode.IpcMessages and <= ProcNode.IpcMemory => ProcNode.Ipc,
        >= ProcNode.HostName and <= ProcNode.Random => ProcNode.SysKernel,
        >= ProcNode.BootId and <= ProcNode.EntropyAvailable => ProcNode.Random,
        ProcNode.Overcommit => ProcNode.SysMemory,
        ProcNode.UnknownCalls or ProcNode.Counters => ProcNode.Evilman,
        ProcNode.Descriptor => ProcNode.ProcessFiles,
        ProcNode.DescriptorInformation => ProcNode.ProcessFileInformation,
        ProcNode.Task => ProcNode.ProcessTasks,
        > ProcNode.Task => ProcNode.Task,
        > ProcNode.Process => ProcNode.Process,
        _ => ProcNode.Root,
    };

    private static InodeType TypeOf(ProcNode node) => node switch
    {
        ProcNode.Root or ProcNode.Net or ProcNode.Sys or ProcNode.Evilman or ProcNode.SysKernel or ProcNode.SysMemory
            or ProcNode.Random or ProcNode.SysFiles or ProcNode.SysInotify or ProcNode.Ipc
            or ProcNode.SysNet or ProcNode.SysNetCore
            or ProcNode.SysNet6 or (>= ProcNode.SysNet6Conf and <= ProcNode.Net6Ethernet)
            or ProcNode.Process or ProcNode.ProcessFiles or ProcNode.ProcessFileInformation or ProcNode.ProcessTasks
            or ProcNode.Task => InodeType.DIR,
        ProcNode.Self or ProcNode.ThreadSelf or ProcNode.Mounts or ProcNode.ProcessExecutable
            or ProcNode.ProcessDirectory or ProcNode.ProcessRoot or ProcNode.Descriptor
            or ProcNode.TaskExecutable or ProcNode.TaskDirectory or ProcNode.TaskRoot
            => InodeType.LNK,
        _ => InodeType.REG,
    };

    private static bool IsWritable(ProcNode node) =>
        node is ProcNode.HostName or ProcNode.DomainName or ProcNode.Overcommit
            or ProcNode.ProcessName or ProcNode.TaskName or ProcNode.ProcessMemory or ProcNode.TaskMemory;

    /// <summary>Its name is a number.</summary>
    private static bool IsNumbered(ProcNode node) =>
        node is ProcNode.Process or ProcNode.Descriptor or ProcNode.DescriptorInformation or ProcNode.Task;

    /// <summary>One name in a directory of /proc: an inode with a reference, or null.</summary>
    private static Inode* Lookup(Inode* directory, byte* name, int length)
    {
        var parent = (ProcNode)directory->ProcNode;
        int process = directory->ProcProcess;
        bool hasNumbers = parent is ProcNode.Root or ProcNode.ProcessTasks || IsOfDescriptors(parent);
        if (hasNumbers && Number(name, length, out int number))
        {
            if (parent == ProcNode.Root)
                return ProcessTable.Find(number) != null ? Make(ProcNode.Process, number, 0) : null;
            if (parent == ProcNode.ProcessTasks)
                return ThreadOf(process, number) != null ? Make(ProcNode.Task, process, number) : null;
            Process* owner = ProcessTable.Find(process);
            return owner != null && FileTable.Get(FileContext.TableOf(owner), (ulong)number) != null
                ? Make(OfDescriptor(parent), process, number)
                : null;
        }

        int thread = parent == ProcNode.Task ? directory->ProcDescriptor : 0;
        if (process != 0 && (thread != 0 ? ThreadOf(process, thread) == null : ProcessTable.Find(process) == null))
            return null;
        var wanted = new ReadOnlySpan<byte>(name, length);
        for (ProcNode node = ProcNode.Self; node < ProcNode.Count; node++)
            if (!IsNumbered(node) && ParentOf(node) == parent && NameOf(node).SequenceEqual(wanted))
                return Make(node, process, thread);
        return null;
    }

    /// <summary>The thread of a process with this id, or null.</summary>
    internal static Thread* ThreadOf(int process, int id)
    {
        Process* owner = ProcessTable.Find(process);
        Thread* thread = owner != null ? owner->FirstThread : null;
        while (thread != null && thread->Id != id)
            thread = thread->Next;
        return thread;
    }

    /// <summary>
    /// The entry behind a cookie: fixed names first, then processes or descriptors by number. False at the end.
    /// </summary>
    private static bool NextEntry(Inode* directory, ulong position, DirectoryRecord* entry)
    {
        var parent = (ProcNode)directory->ProcNode;
        int process = directory->ProcProcess;
        if (process != 0 && ProcessTable.Find(process) == null)
            return false;
        const ulong end = Directories.FirstCookie + (ulong)ProcNode.Count;
        for (ulong at = Math.Max(position + 1, Directories.FirstCookie); at < end; at++)
        {
            var node = (ProcNode)(at - Directories.FirstCookie);
            if (node == ProcNode.Root || IsNumbered(node) || ParentOf(node) != parent)
                continue;
            ReadOnlySpan<byte> text = NameOf(node);
            text.CopyTo(new Span<byte>(entry->Name, DirectoryRecord.MaxName));
            entry->NameLength = text.Length;
            entry->Cookie = at;
            entry->Number = NumberOf(node, process, parent == ProcNode.Task ? directory->ProcDescriptor : 0);
            entry->Type = TypeOf(node);
            return true;
        }

        int after = position >= NumberCookie ? (int)(position - NumberCookie) : -1;
        if (parent == ProcNode.Root)
        {
            Process* next = ProcessTable.FirstAfter(Math.Max(after, 0));
            if (next == null)
                return false;
            Number(entry, (ulong)next->Id);
            entry->Number = NumberOf(ProcNode.Process, next->Id, 0);
            entry->Type = InodeType.DIR;
            return true;
        }

        if (parent == ProcNode.ProcessTasks)
            return NextTask(process, Math.Max(after, 0), entry);
        if (!IsOfDescriptors(parent))
            return false;
        int descriptor = FileTable.Next(FileContext.TableOf(ProcessTable.Find(process)), after + 1);
        if (descriptor < 0)
            return false;
        Number(entry, (ulong)descriptor);
        entry->Number = NumberOf(OfDescriptor(parent), process, descriptor);
        entry->Type = TypeOf(OfDescriptor(parent));
        return true;
    }

    /// <summary>A directory with an entry for each descriptor of a process.</summary>
    private static bool IsOfDescriptors(ProcNode directory) =>
        directory is ProcNode.ProcessFiles or ProcNode.ProcessFileInformation;

    private static ProcNode OfDescriptor(ProcNode directory) =>
        directory == ProcNode.ProcessFiles ? ProcNode.Descriptor : ProcNode.DescriptorInformation;

    /// <summary>The thread with the lowest id above <paramref name="after"/>.</summary>
    private static bool NextTask(int process, int after, DirectoryRecord* entry)
    {
        int found = int.MaxValue;
        Thread* thread = ProcessTable.Find(process)->FirstThread;
        for (; thread != null; thread = thread->Next)
            if (thread->Id > after)
                found = Math.Min(found, thread->Id);
        if (found == int.MaxValue)
            return false;
        Number(entry, (ulong)found);
        entry->Number = NumberOf(ProcNode.Task, process, found);
        entry->Type = InodeType.DIR;
        return true;
    }

    /// <summary>An entry named by a number, and its cookie.</summary>
    private static void Number(DirectoryRecord* entry, ulong value)
    {
        entry->NameLength = Decimal(entry->Name, value);
        entry->Cookie = NumberCookie + value;
    }

    /// <summary>The directory above, with a reference.</summary>
    private static Inode* ParentOf(Inode* directory)
    {
        ProcNode parent = ParentOf((ProcNode)directory->ProcNode);
        Inode* made = parent == ProcNode.Root ? null : Make(parent, directory->ProcProcess, 0);
        return made != null ? made : Vfs.Hold(Root);
    }

    /// <summary>What a process has open, runs and stands in is for whoever may trace it to see (proc(5)).</summary>
    private static bool MayFollow(Inode* link)
    {
        Process* owner = ProcessTable.Find(link->ProcProcess);
        Thread* self = Thread.Current;
        return owner == null || self == null || Permissions.MayTrace(self, owner->FirstThread);
    }

    /// <summary>Its memory, and where that is, likewise, whatever the permission bits say.</summary>
    private static bool MayOpen(Inode* file) =>
        (ProcNode)file->ProcNode is not (
            (>= ProcNode.ProcessMaps and <= ProcNode.ProcessPageMap)
            or (>= ProcNode.TaskMaps and <= ProcNode.TaskPageMap)
            or ProcNode.ProcessEnvironment or ProcNode.TaskEnvironment
            or ProcNode.ProcessAuxiliary or ProcNode.TaskAuxiliary
            or ProcNode.ProcessMemory or ProcNode.TaskMemory)
        || MayFollow(file);

    /// <summary>
    /// Where a link leads when it stands for an object rather than a name: a place with its references, or no inode.
    /// </summary>
    private static void Jump(Inode* link, Place* to)
    {
        *to = TargetOf(link).Hold();
        File* file = (ProcNode)link->ProcNode == ProcNode.Descriptor ? FileOf(link) : null;
        if (to->Inode == null && file != null)
            *to = new Place(Vfs.NewAnonymousInode(file), null);
    }

    /// <summary>What readlink says. Length, or -errno (ENOENT: the process is gone; ENAMETOOLONG).</summary>
    private static long LinkText(Inode* link, byte* to, int capacity)
    {
        switch ((ProcNode)link->ProcNode)
        {
            case ProcNode.Self:
                return Process.Current != null ? Decimal(to, (ulong)Process.Current->Id) : Errno.ENOENT;
            case ProcNode.ThreadSelf:
                Thread* thread = Thread.Current;
                if (thread == null)
                    return Errno.ENOENT;
                int written = Decimal(to, (ulong)thread->Process->Id);
                "/task/"u8.CopyTo(new Span<byte>(to + written, capacity - written));
                written += "/task/"u8.Length;
                return written + Decimal(to + written, (ulong)thread->Id);
            case ProcNode.Mounts:
                "self/mounts"u8.CopyTo(new Span<byte>(to, capacity));
                return "self/mounts"u8.Length;
        }

        Place target = TargetOf(link);
        if (target.Inode != null && !target.Inode->IsNameless)
        {
            long length = Vfs.PathOf(target, to, capacity);
            if (length != Errno.ENOENT)
                return length == Errno.ERANGE ? Errno.ENAMETOOLONG : length;
            "/ (deleted)"u8.CopyTo(new Span<byte>(to, capacity));
            return "/ (deleted)"u8.Length;
        }

        if ((ProcNode)link->ProcNode != ProcNode.Descriptor)
            return Errno.ENOENT;
        File* file = FileOf(link);
        if (file == null)
            return Errno.ENOENT;
        FileOperations* operations = file->Operations;
        ReadOnlySpan<byte> name = operations->Name != null ? operations->Name() : "anon_inode:[]"u8;
        name.CopyTo(new Span<byte>(to, capacity));
        int end = name.Length;
        if ((operations->Traits & FileTraits.Numbered) == 0)
            return end;
        to[end] = (byte)':';
        end++;
        to[end] = (byte)'[';
        end++;
        end += Decimal(to + end, Vfs.NumberOf(file));
        to[end] = (byte)']';
        end++;
        return end;
    }

    /// <summary>
    /// The path below /proc, without a leading slash. <paramref name="to"/> has room for
    /// <see cref="InodeOperations.MaxText"/> bytes.
    /// </summary>
    private static int PathInside(Inode* inode, byte* to)
    {
        ProcNode* chain = stackalloc ProcNode[8];
        int depth = 0;
        for (var node = (ProcNode)inode->ProcNode; node != ProcNode.Root && depth < 8; node = ParentOf(node))
        {
            chain[depth] = node;
            depth++;
        }
        int length = 0;
        while (depth > 0)
        {
            depth--;
            if (length > 0)
            {
                to[length] = (byte)'/';
                length++;
            }
            if (chain[depth] == ProcNode.Process)
            {
                length += Decimal(to + length, (ulong)inode->ProcProcess);
            }
            else if (IsNumbered(chain[depth]))
            {
                length += Decimal(to + length, (ulong)inode->ProcDescriptor);
            }
            else
            {
                ReadOnlySpan<byte> name = NameOf(chain[depth]);
                name.CopyTo(new Span<byte>(to + length, DirectoryRecord.MaxName));
                length += name.Length;
            }
        }

        return length;
    }

    /// <summary>Decimal digits without a terminating zero; at most 20. Returns how many.</summary>
    public static int Decimal(byte* to, ulong value)
    {
        byte* digits = stackalloc byte[20];
        int count = 0;
        do
        {
            digits[count] = (byte)('0' + value % 10);
            count++;
            value /= 10;
        }
        while (value != 0);
        for (int i = 0; i < count; i++)
            to[i] = digits[count - 1 - i];
        return count;
    }

    private static File* FileOf(Inode* link)
    {
        Process* process = ProcessTable.Find(link->ProcProcess);
        return process != null ? FileTable.Get(FileContext.TableOf(process), (ulong)link->ProcDescriptor) : null;
    }

    /// <summary>Without references.</summary>
    private static Place TargetOf(Inode* link)
    {
        Process* process = ProcessTable.Find(link->ProcProcess);
        if (process == null)
            return default;
        switch ((ProcNode)link->ProcNode)
        {
            case ProcNode.ProcessExecutable or ProcNode.TaskExecutable:
                Inode* program = process->Space != null ? (Inode*)process->Space->Executable : null;
                return program != null ? Mounts.PlaceOf(program) : default;
            case ProcNode.ProcessDirectory or ProcNode.TaskDirectory: return FileContext.WorkingDirectoryOf(process);
            case ProcNode.ProcessRoot or ProcNode.TaskRoot:
                Place root = FileContext.RootDirectoryOf(process);
                return root.Inode != null ? root : new Place(Vfs.Root, Mounts.First);
            case ProcNode.Descriptor:
                File* file = FileOf(link);
                return file != null ? file->Place : default;
            default: return default;
        }
    }

    private static Inode* Make(ProcNode node, int process, int descriptor)
    {
        Inode* inode = Vfs.NewInode(TypeOf(node), PermissionsOf(node), Vfs.ProcVolume);
        if (inode == null)
            return null;
        inode->Operations = InodeOperations.At(ref s_operations);
        inode->Number = NumberOf(node, process, descriptor);
        inode->ProcNode = (int)node;
        inode->ProcProcess = process;
        inode->ProcDescriptor = descriptor;
        Process* owner = process != 0 ? ProcessTable.Find(process) : null;
        bool isItsUsers = owner != null
            && (Permissions.ShowsItselfToItsUser(owner->FirstThread) || node == ProcNode.Process);
        inode->UserId = isItsUsers ? owner->Credentials.EffectiveUserId : 0;
        inode->GroupId = isItsUsers ? owner->Credentials.EffectiveGroupId : 0;
        return inode;
    }

    private const ushort OwnerReads = 0x100; // 0400

    private static uint PermissionsOf(ProcNode node) => TypeOf(node) switch
    {
        _ when node is ProcNode.ProcessFiles or ProcNode.ProcessFileInformation => 0x140,   // 0500
        _ when node is ProcNode.ProcessEnvironment or ProcNode.TaskEnvironment or ProcNode.DescriptorInformation
            => OwnerReads,
        InodeType.DIR => 0x16d,   // 0555
        InodeType.LNK => 0x1ff,
        _ => IsWritable(node) ? 0x1a4u : 0x124u,
    };

    private static ulong NumberOf(ProcNode node, int process, int descriptor) =>
        (ulong)process << 24 | (ulong)descriptor << 8 | (uint)node + 1;

    private static bool Number(byte* name, int length, out int number)
    {
        number = 0;
        if (length == 0 || length > 6 || length > 1 && name[0] == '0')
            return false;
        for (int i = 0; i < length; i++)
        {
            if (name[i] is < (byte)'0' or > (byte)'9')
                return false;
            number = number * 10 + (name[i] - '0');
        }

        return true;
    }
}
