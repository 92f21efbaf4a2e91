using System;
using System.Runtime.CompilerServices;
using Board;

namespace Guestos;

/// <summary>System calls on processes. Arguments as user mode passed them; results 0 or more, or -errno.</summary>
public static unsafe class ProcessCalls
{
    private const ulong CloneVm = 0x100;
    private const ulong ClonePidFile = 0x1000;
    private const ulong CloneVfork = 0x4000;
    private const ulong CloneParentSetId = 0x100000;

    // ---- beginning and end ----

    public static long Fork() => Processes.Clone((ulong)Signal.Child.Number, 0, 0, 0, 0);

    public static long Vfork() => Processes.Clone(CloneVm | CloneVfork | (ulong)Signal.Child.Number, 0, 0, 0, 0);

    public static long Clone(
        ulong flags, ulong stack, UserPointer<uint> parentId, UserPointer<uint> childId, ulong tls) =>
        (flags & (ClonePidFile | CloneParentSetId)) == (ClonePidFile | CloneParentSetId)
            ? Errno.EINVAL
            : Processes.Clone(flags, stack, parentId, childId, tls, parentId.Address);

    /// <summary>struct clone_args (include/uapi/linux/sched.h), the 64 bytes of its first version.</summary>
    public struct CloneArguments
    {
        public ulong Flags;
        public ulong PidDescriptor;
        public ulong ChildId;
        public ulong ParentId;
        public ulong ExitSignal;
        public ulong Stack;
        public ulong StackSize;
        public ulong Tls;
    }

    public static long Clone3(UserPointer<CloneArguments> at, ulong size)
    {
        if (size < (ulong)sizeof(CloneArguments))
            return Errno.EINVAL;
        if (size > Frames.Size)
            return Errno.E2BIG;
        // What later versions of Linux add is refused unless it is 0.
        for (ulong i = (ulong)sizeof(CloneArguments); i < size; i++)
        {
            if (!((UserPointer<byte>)at.Address).At(i).TryGet(out byte added))
                return Errno.EFAULT;
            if (added != 0)
                return Errno.E2BIG;
        }
        if (!at.TryGet(out CloneArguments arguments))
            return Errno.EFAULT;
        const ulong clearHandlers = Processes.CloneClearHandlers;
        const ulong bothOfHandlers = clearHandlers | Processes.CloneSignalHandlers;
        if ((arguments.Flags & 0xff) != 0 || !Signal.TryMakeOrNone(arguments.ExitSignal, out _)
            || (arguments.Flags & ~(0xffffffffUL | clearHandlers)) != 0
            || (arguments.Flags & bothOfHandlers) == bothOfHandlers
            || arguments.ExitSignal != 0 && Processes.TellsOthers(arguments.Flags))
            return Errno.EINVAL;
        // A stack has both, or neither.
        if ((arguments.Stack == 0) != (arguments.StackSize == 0))
            return Errno.EINVAL;
        ulong flags = arguments.Flags | arguments.ExitSignal;
        ulong stack = arguments.Stack == 0 ? 0 : arguments.Stack + arguments.StackSize;
        return Processes.Clone(
            flags, stack, arguments.ParentId, arguments.ChildId, arguments.Tls, arguments.PidDescriptor);
    }

    public static long Execve(UserString path, UserPointer<UserString> arguments, UserPointer<UserString> environment)
    {
        ulong scratch = Frames.Allocate();
        if (scratch == 0)
            return Errno.ENOMEM;
        byte* name = DirectMap.At(scratch);
        long result = path.CopyTo(name, Vfs.PathCapacity);
        if (result >= 0)
            result = Exec.Run(name, arguments, environment);
        Frames.Release(scratch);
        return result;
    }

    /// <summary>personality(2): the one before; 0xffffffff only asks.</summary>
    public static long Personality(ulong wanted)
    {
        Process* process = Process.Current;
        uint before = process->Personality;
        if ((uint)wanted != uint.MaxValue)
            process->Personality = (uint)wanted;
        return before;
    }

    /// <summary>exit(2): of the thread alone.</summary>
    public static long Exit(ulong code)
    {
        Processes.ExitThread((int)(code & 0xff) << 8);
        return 0;
    }

    public static long ExitGroup(ulong code)
    {
        Processes.Exit((int)(code & 0xff) << 8);
        return 0;
    }

    // ---- identity ----

    public static long Getppid() => Process.Current->ParentId;

    /// <summary>What a thread may become without the capability: what it is already (setresuid(2)).</summary>
    private static bool MayBecome(Capability capability, uint wanted, uint real, uint effective, uint saved) =>
        wanted == uint.MaxValue
        || wanted == real
        || wanted == effective
        || wanted == saved
        || Permissions.Has(capability);

    public static long Setuid(ulong id)
    {
        if ((uint)id == uint.MaxValue)
            return Errno.EINVAL;
        return Permissions.Has(Capability.SETUID)
            ? Setresuid(id, id, id)
            : Setresuid(uint.MaxValue, id, uint.MaxValue);
    }

    public static long Setgid(ulong id)
    {
        if ((uint)id == uint.MaxValue)
            return Errno.EINVAL;
        return Permissions.Has(Capability.SETGID)
            ? Setresgid(id, id, id)
            : Setresgid(uint.MaxValue, id, uint.MaxValue);
    }

    public static long Setresuid(ulong real, ulong effective, ulong saved)
    {
        const Capability needed = Capability.SETUID;
        ref Credentials self = ref Credentials.Current;
        (uint r, uint e, uint s) = (self.RealUserId, self.EffectiveUserId, self.SavedUserId);
        if (!MayBecome(needed, (uint)real, r, e, s)
            || !MayBecome(needed, (uint)effective, r, e, s)
            || !MayBecome(needed, (uint)saved, r, e, s))
            return Errno.EPERM;
        SetUnlessAll(ref r, real);
        SetUnlessAll(ref e, effective);
        SetUnlessAll(ref s, saved);
        SetUser(ref self, r, e, s);
        return 0;
    }

    private static void SetUser(ref Credentials self, uint real, uint effective, uint saved)
    {
        bool wasAny = self.RealUserId == 0 || self.EffectiveUserId == 0 || self.SavedUserId == 0;
        bool wasEffective = self.EffectiveUserId == 0;
        bool isOther = self.EffectiveUserId != effective || self.FileUserId != effective;
        self.RealUserId = real;
        self.EffectiveUserId = effective;
        self.SavedUserId = saved;
        self.FileUserId = effective;
        bool isAny = real == 0 || effective == 0 || saved == 0;
        self.Capabilities.ChangeUser(wasAny, isAny, wasEffective, effective == 0);
        if (isOther)
            Permissions.IdentityChanged(Process.Current);
    }

    public static long Setresgid(ulong real, ulong effective, ulong saved)
    {
        const Capability needed = Capability.SETGID;
        ref Credentials self = ref Credentials.Current;
        (uint r, uint e, uint s) = (self.RealGroupId, self.EffectiveGroupId, self.SavedGroupId);
        if (!MayBecome(needed, (uint)real, r, e, s)
            || !MayBecome(needed, (uint)effective, r, e, s)
            || !MayBecome(needed, (uint)saved, r, e, s))
            return Errno.EPERM;
        SetUnlessAll(ref self.RealGroupId, real);
        SetUnlessAll(ref self.EffectiveGroupId, effective);
        SetUnlessAll(ref self.SavedGroupId, saved);
        self.FileGroupId = self.EffectiveGroupId;
        if (self.EffectiveGroupId != e)
            Permissions.IdentityChanged(Process.Current);
        return 0;
    }

    /// <summary>
    /// setreuid(2): the saved id becomes the effective one when the real id is set, or the effective to another than
    /// the real one.
    /// </summary>
    public static long Setreuid(ulong real, ulong effective)
    {
        ref Credentials self = ref Credentials.Current;
        (uint r, uint e, uint s) = (self.RealUserId, self.EffectiveUserId, self.SavedUserId);
        bool isOther = (uint)effective != uint.MaxValue && (uint)effective != r;
        if (!MayBecome(Capability.SETUID, (uint)real, r, e, e)
            || !MayBecome(Capability.SETUID, (uint)effective, r, e, s))
            return Errno.EPERM;
        SetUnlessAll(ref r, real);
        SetUnlessAll(ref e, effective);
        SetUser(ref self, r, e, (uint)real != uint.MaxValue || isOther ? e : s);
        return 0;
    }

    /// <summary>The same of groups.</summary>
    public static long Setregid(ulong real, ulong effective)
    {
        ref Credentials self = ref Credentials.Current;
        bool isOther = (uint)effective != uint.MaxValue && (uint)effective != self.RealGroupId;
        bool mayBeReal = MayBecome(Capability.SETGID, (uint)real, self.RealGroupId, self.EffectiveGroupId,
            self.EffectiveGroupId);
        if (!mayBeReal)
            return Errno.EPERM;
        long error = Setresgid(real, effective, uint.MaxValue);
        if (error == 0 && ((uint)real != uint.MaxValue || isOther))
            self.SavedGroupId = self.EffectiveGroupId;
        return error;
    }

    /// <summary>setfsuid(2): the id before, whether it could be changed or not.</summary>
    public static long Setfsuid(ulong id)
    {
        ref Credentials self = ref Credentials.Current;
        uint before = self.FileUserId;
        bool isOwn = (uint)id == self.RealUserId || (uint)id == self.EffectiveUserId
            || (uint)id == self.SavedUserId || (uint)id == before;
        if ((uint)id == uint.MaxValue || (uint)id == before || !isOwn && !Permissions.Has(Capability.SETUID))
            return before;
        self.FileUserId = (uint)id;
        self.Capabilities.ChangeFileUser(before == 0, (uint)id == 0);
        Permissions.IdentityChanged(Process.Current);
        return before;
    }

    public static long Setfsgid(ulong id)
    {
        ref Credentials self = ref Credentials.Current;
        uint before = self.FileGroupId;
        bool isOwn = (uint)id == self.RealGroupId || (uint)id == self.EffectiveGroupId
            || (uint)id == self.SavedGroupId || (uint)id == before;
        if ((uint)id == uint.MaxValue || (uint)id == before || !isOwn && !Permissions.Has(Capability.SETGID))
            return before;
        self.FileGroupId = (uint)id;
        Permissions.IdentityChanged(Process.Current);
        return before;
    }

    private static void SetUnlessAll(ref uint field, ulong value)
    {
        if ((uint)value != uint.MaxValue)
            field = (uint)value;
    }

    public static long Getgroups(ulong size, UserPointer<uint> to)
    {
        ref Credentials self = ref Credentials.Current;
        int count = self.Groups.Count;
        if ((int)size < 0 || (int)size != 0 && (int)size < count)
            return Errno.EINVAL;
        for (int i = 0; i < count && (int)size != 0; i++)
            if (!to.At((ulong)i).TryPut(self.Groups.At(i)))
                return Errno.EFAULT;
        return count;
    }

    public static long Setgroups(ulong size, UserPointer<uint> from)
    {
        ref Credentials self = ref Credentials.Current;
        if (!Permissions.Has(Capability.SETGID))
            return Errno.EPERM;
        const uint most = 65536;    // NGROUPS_MAX
        if ((uint)size > most)
            return Errno.EINVAL;
        SupplementaryGroups groups = default;
        for (uint i = 0; i < (uint)size; i++)
        {
            if (!from.At(i).TryGet(out uint group))
                return Errno.EFAULT;
            if (i >= SupplementaryGroups.Capacity)
                return Errno.EINVAL;
            groups.Add(group);
        }
        self.Groups = groups;
        return 0;
    }

    public static long Getresuid(UserPointer<uint> real, UserPointer<uint> effective, UserPointer<uint> saved)
    {
        ref Credentials self = ref Credentials.Current;
        bool isPut = real.TryPut(self.RealUserId) && effective.TryPut(self.EffectiveUserId);
        return isPut ? saved.Put(self.SavedUserId) : Errno.EFAULT;
    }

    public static long Getresgid(UserPointer<uint> real, UserPointer<uint> effective, UserPointer<uint> saved)
    {
        ref Credentials self = ref Credentials.Current;
        bool isPut = real.TryPut(self.RealGroupId) && effective.TryPut(self.EffectiveGroupId);
        return isPut ? saved.Put(self.SavedGroupId) : Errno.EFAULT;
    }

    // ---- groups and sessions ----

    public static long Setpgid(ulong id, ulong group)
    {
        Process* self = Process.Current;
        Process* process = (int)id == 0 ? self : ProcessTable.Find((int)id);
        int wanted = (int)group == 0 && process != null ? process->Id : (int)group;
        if (wanted < 0)
            return Errno.EINVAL;
        if (process == null || process != self && process->ParentId != self->Id)
            return Errno.ESRCH;
        if (process != self && process->HasExecuted)
            return Errno.EACCES;
        if (process->SessionId == process->Id || process->SessionId != self->SessionId)
            return Errno.EPERM;
        if (wanted != process->Id)
        {
            bool exists = false;
            for (Process* other = ProcessTable.First; other != null; other = other->Next)
                exists |= other->ProcessGroupId == wanted && other->SessionId == self->SessionId;
            if (!exists)
                return Errno.EPERM;
        }
        process->ProcessGroupId = wanted;
        return 0;
    }

    public static long Getpgid(ulong id)
    {
        Process* process = (int)id == 0 ? Process.Current : ProcessTable.Find((int)id);
        return process == null ? Errno.ESRCH : process->ProcessGroupId;
    }

    public static long Getsid(ulong id)
    {
        Process* process = (int)id == 0 ? Process.Current : ProcessTable.Find((int)id);
        return process == null ? Errno.ESRCH : process->SessionId;
    }

    public static long Setsid()
    {
        Process* self = Process.Current;
        for (Process* other = ProcessTable.First; other != null; other = other->Next)
            if (other->ProcessGroupId == self->Id)
                return Errno.EPERM;
        self->ProcessGroupId = self->Id;
        self->SessionId = self->ProcessGroupId;
        return self->Id;
    }

    // ---- odds and ends ----

    private const ulong SetGs = 0x1001;
    private const ulong SetFs = 0x1002;
    private const ulong GetFs = 0x1003;
    private const ulong GetGs = 0x1004;

    /// <summary>CPUID may be executed, and that cannot be changed.</summary>
    private const ulong GetCpuId = 0x1011;
    private const ulong SetCpuId = 0x1012;

    public static long ArchPrctl(ulong code, ulong address)
    {
        Thread* thread = Thread.Current;
        switch (code)
        {
            case SetFs or SetGs:
                if (!SegmentBase.TryMake(address, out SegmentBase segment))
                    return Errno.EPERM;
                if (code == SetFs)
                    thread->FsBase = segment;
                else
                    thread->GsBase = segment;
                Scheduler.LoadSpace(thread);
                return 0;
            case GetFs:
                return ((UserPointer<ulong>)address).TryPut(thread->FsBase.Address) ? 0 : Errno.EFAULT;
            case GetGs:
                return ((UserPointer<ulong>)address).TryPut(thread->GsBase.Address) ? 0 : Errno.EFAULT;
            case GetCpuId:
                return 1;
            case SetCpuId:
                return Errno.ENODEV;
            default:
                return Errno.EINVAL;
        }
    }

    // prctl(2) (include/uapi/linux/prctl.h)
    private const ulong SetDeathSignal = 1;
    private const ulong GetDeathSignal = 2;
    private const ulong GetDumpable = 3;
    private const ulong SetDumpable = 4;
    private const ulong SetName = 15;
    private const ulong GetName = 16;
    private const ulong SetChildSubreaper = 36;
    private const ulong GetChildSubreaper = 37;
    private const ulong GetKeepCapabilities = 7;
    private const ulong SetKeepCapabilities = 8;
    private const ulong ReadBound = 23;
    private const ulong DropFromBound = 24;
    private const ulong GetSecureBits = 27;
    private const ulong SetSecureBits = 28;
    private const ulong ChangeAmbient = 47;
    private const ulong SetNoNewPrivileges = 38;
    private const ulong GetNoNewPrivileges = 39;

    public static long Prctl(ulong option, ulong a, ulong b, ulong c, ulong d)
    {
        Process* process = Process.Current;
        switch (option)
        {
            case SetName:
                byte* name = stackalloc byte[Thread.NameLength];
                long length = ((UserString)a).CopyTo(name, Thread.NameLength);
                if (length == Errno.EFAULT)
                    return length;
                name[Thread.NameLength - 1] = 0;
                Unsafe.CopyBlock(Thread.Current->Name, name, Thread.NameLength);
                return 0;
            case GetName:
                var text = new ReadOnlySpan<byte>(Thread.Current->Name, Thread.NameLength);
                return ((UserPointer<byte>)a).TryPutAll(text) ? 0 : Errno.EFAULT;
            case SetDeathSignal:
                if (!Signal.TryMakeOrNone(a, out Signal signal))
                    return Errno.EINVAL;
                process->DeathSignal = signal;
                return 0;
            case GetDeathSignal:
                return ((UserPointer<int>)a).TryPut(process->DeathSignal.Number) ? 0 : Errno.EFAULT;
            case GetDumpable:
                return process->IsUndumpable ? 0 : 1;
            case SetDumpable when a <= 1:
                process->IsUndumpable = a == 0;
                return 0;
            case SetChildSubreaper:
                process->AdoptsOrphans = a != 0;
                return 0;
            case GetChildSubreaper:
                return ((UserPointer<int>)a).Put(process->AdoptsOrphans ? 1 : 0);
            case GetKeepCapabilities:
                return Credentials.Current.Capabilities.Is(CapabilitySets.KeepCapabilities) ? 1 : 0;
            case SetKeepCapabilities:
                return CapabilityCalls.SetKeep(a);
            case ReadBound when a <= CapabilitySets.Last:
                return (long)(Credentials.Current.Capabilities.Bounding >> (int)a & 1);
            case DropFromBound:
                return CapabilityCalls.DropFromBound(a);
            case GetSecureBits:
                return Credentials.Current.Capabilities.SecureBits;
            case SetSecureBits:
                return CapabilityCalls.SetSecureBits(a);
            case ChangeAmbient:
                return CapabilityCalls.ChangeAmbient(a, b, c, d);
            case SetNoNewPrivileges when a == 1 && b == 0 && c == 0 && d == 0:
                Credentials.Current.NoNewPrivileges = true;
                return 0;
            case GetNoNewPrivileges when a == 0 && b == 0 && c == 0 && d == 0:
                return Credentials.Current.NoNewPrivileges ? 1 : 0;
            default:
                return Errno.EINVAL;
        }
    }

    /// <summary>struct new_utsname: six fields of 65 bytes.</summary>
    public static long Uname(UserPointer<byte> to)
    {
        const int Field = 65;
        Span<byte> all = stackalloc byte[6 * Field];
        all.Clear();
        SystemNames.KernelType.CopyTo(all);
        HostName.Text.CopyTo(all.Slice(Field, Field));
        SystemNames.KernelRelease.CopyTo(all.Slice(2 * Field, Field));
        SystemNames.KernelVersion.CopyTo(all.Slice(3 * Field, Field));
        SystemNames.Machine.CopyTo(all.Slice(4 * Field, Field));
        HostName.Domain.CopyTo(all.Slice(5 * Field, Field));
        return to.TryPutAll(all) ? 0 : Errno.EFAULT;
    }

    public static long Sethostname(UserPointer<byte> name, ulong length)
    {
        Span<byte> text = stackalloc byte[HostName.MaxLength];
        long error = ReadName(name, length, ref text);
        if (error == 0)
            HostName.Set(text);
        return error;
    }

    public static long Setdomainname(UserPointer<byte> name, ulong length)
    {
        Span<byte> text = stackalloc byte[HostName.MaxLength];
        long error = ReadName(name, length, ref text);
        if (error == 0)
            HostName.SetDomain(text);
        return error;
    }

    /// <summary>0, or EPERM, EINVAL, EFAULT.</summary>
    private static long ReadName(UserPointer<byte> name, ulong length, ref Span<byte> text)
    {
        if (!Permissions.Has(Capability.SYS_ADMIN))
            return Errno.EPERM;
        if ((uint)length > HostName.MaxLength)
            return Errno.EINVAL;
        text = text.Slice(0, (int)length);
        return name.TryGetAll(text) ? 0 : Errno.EFAULT;
    }

    /// <summary>struct rlimit.</summary>
    public struct Limit
    {
        public ulong Soft;
        public ulong Hard;
    }

    public static long Prlimit64(ulong id, ulong number, UserPointer<Limit> wanted, UserPointer<Limit> old)
    {
        Process* self = Process.Current;
        Limit limit = default;
        if (!wanted.IsNull && !wanted.TryGet(out limit))
            return Errno.EFAULT;
        if (!ResourceLimits.TryMake(number, out Resource resource))
            return Errno.EINVAL;
        Process* process = (int)id == 0 ? self : ProcessTable.Find((int)id);
        if (process == null)
            return Errno.ESRCH;
        if (process != self && !Permissions.MayControl(Thread.Current, process->FirstThread))
            return Errno.EPERM;
        var before = new Limit
        {
            Soft = ResourceLimits.Of(process, resource),
            Hard = ResourceLimits.HardOf(process, resource),
        };
        if (!wanted.IsNull)
        {
            if (limit.Soft > limit.Hard)
                return Errno.EINVAL;
            if (limit.Hard > before.Hard && !Permissions.Has(Capability.SYS_RESOURCE)
                || limit.Hard > ResourceLimits.MaxOf(resource))
                return Errno.EPERM;
            ResourceLimits.Set(process, resource, limit.Soft, limit.Hard);
        }
        return old.TryPutIfAsked(before) ? 0 : Errno.EFAULT;
    }

    public static long Getrandom(UserPointer<byte> to, ulong length, ulong flags)
    {
        const uint nonBlocking = 1;
        const uint random = 2;
        const uint insecure = 4;
        if (!CallFlags.TryMake(flags, nonBlocking | random | insecure, out CallFlags how)
            || how.HasAll(random | insecure))
            return Errno.EINVAL;
        length = Math.Min(length, 1 << 25);
        Span<byte> piece = stackalloc byte[256];
        for (ulong done = 0; done < length; done += (ulong)piece.Length)
        {
            piece = piece.Slice(0, (int)Math.Min((ulong)piece.Length, length - done));
            Randomness.Fill(piece);
            if (!to.At(done).TryPutAll(piece))
                return done > 0 ? (long)done : Errno.EFAULT;
            Preemption.Point();
            if (Signals.Pending)
                return (long)done + piece.Length;
        }
        return (long)length;
    }

    /// <summary>struct sysinfo, 112 bytes.</summary>
    public static long Sysinfo(UserPointer<byte> to)
    {
        ulong* words = stackalloc ulong[14];
        new Span<ulong>(words, 14).Clear();
        words[0] = Clock.Monotonic / 1_000_000_000;
        words[1] = Scheduler.Load1;
        words[2] = Scheduler.Load5;
        words[3] = Scheduler.Load15;
        words[4] = Frames.Total * Frames.Size;
        words[5] = Frames.Free * Frames.Size;
        *(ushort*)(words + 10) = (ushort)ProcessTable.Count;
        *(uint*)(words + 13) = 1;
        return to.TryPutAll(new ReadOnlySpan<byte>(words, 112)) ? 0 : Errno.EFAULT;
    }

    public static long SchedGetaffinity(ulong id, ulong length, UserPointer<ulong> to)
    {
        if (length < 8 || (length & 7) != 0)
            return Errno.EINVAL;
        if ((int)id != 0 && Threads.Find((int)id) == null)
            return Errno.ESRCH;
        return to.TryPut(1) ? 8 : Errno.EFAULT;
    }

    /// <summary>One processor: a set without it is refused.</summary>
    public static long SchedSetaffinity(ulong id, ulong length, UserPointer<byte> from)
    {
        byte first = 0;
        if (length != 0 && !from.TryGet(out first))
            return Errno.EFAULT;
        Thread* thread = (int)id == 0 ? Thread.Current : Threads.Find((int)id);
        if (thread == null)
            return Errno.ESRCH;
        if (!Permissions.MaySchedule(Thread.Current, thread))
            return Errno.EPERM;
        return (first & 1) != 0 ? 0 : Errno.EINVAL;
    }

    public static long Getcpu(UserPointer<int> cpu, UserPointer<int> node) =>
        cpu.TryPutIfAsked(0) && node.TryPutIfAsked(0) ? 0 : Errno.EFAULT;

    private const uint RebootMagic = 0xfee1dead;
    private const ulong Restart = 0x01234567;
    private const ulong Halt = 0xcdef0123;
    private const ulong PowerOff = 0x4321fedc;
    private const ulong CtrlAltDelOff = 0;
    private const ulong CtrlAltDelOn = 0x89abcdef;

    public static long Reboot(ulong magic, ulong magic2, ulong command)
    {
        if (!Permissions.Has(Capability.SYS_BOOT))
            return Errno.EPERM;
        if ((uint)magic != RebootMagic || (uint)magic2 is not (672274793 or 85072278 or 369367448 or 537993216))
            return Errno.EINVAL;
        switch ((uint)command)
        {
            case (uint)Restart:
                Console.Write("guestos: the machine ends\n"u8);
                Power.Reset();
                return 0;
            case (uint)Halt or (uint)PowerOff:
                Console.Write("guestos: the machine ends\n"u8);
                Power.Off();
                return 0;
            case (uint)CtrlAltDelOff or (uint)CtrlAltDelOn:
                return 0;
            default:
                return Errno.EINVAL;
        }
    }

    public static long SchedYield()
    {
        Scheduler.Yield();
        return 0;
    }

    public static long SetTidAddress(UserPointer<uint> word)
    {
        Thread.Current->ClearThreadId = word;
        return Thread.Current->Id;
    }

    /// <summary>
    /// membarrier: with one processor every command is done at once; which there are is the answer to command 0.
    /// </summary>
    public static long Membarrier(ulong command, ulong flags)
    {
        const ulong commands = 0x7f;
        if (flags != 0 || command > commands || (command & (command - 1)) != 0)
            return Errno.EINVAL;
        return command == 0 ? (long)commands : 0;
    }
}
