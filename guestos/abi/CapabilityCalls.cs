namespace Guestos;

/// <summary>
/// capget(2), capset(2): capabilities(7) follow from the user, who may give some up (<see cref="Capability"/>).
/// </summary>
public static unsafe class CapabilityCalls
{
    // include/uapi/linux/capability.h
    private const uint CapabilityVersion1 = 0x19980330;
    private const uint CapabilityVersion2 = 0x20071026;
    private const uint CapabilityVersion3 = 0x20080522;

    /// <summary>CAP_LAST_CAP.</summary>
    internal const ulong LastCapability = 40;

    private const ulong AllCapabilities = (1UL << (int)(LastCapability + 1)) - 1;

    public struct CapabilityHeader
    {
        public uint Version;
        public int Id;
    }

    public struct Capabilities
    {
        public uint Effective;
        public uint Permitted;
        public uint Inheritable;
    }

    /// <summary>What user 0 has: all. Others: none.</summary>
    private static ulong CapabilitiesOf(uint user) => user == 0 ? AllCapabilities : 0;

    private static long ReadCapabilityHeader(UserPointer<CapabilityHeader> at, out CapabilityHeader header)
    {
        if (!at.TryGet(out header))
            return Errno.EFAULT;
        if (header.Version is CapabilityVersion1 or CapabilityVersion2 or CapabilityVersion3)
            return header.Id < 0 ? Errno.EINVAL : 0;
        CapabilityHeader known = new() { Version = CapabilityVersion3, Id = header.Id };
        return at.TryPut(known) ? Errno.EINVAL : Errno.EFAULT;
    }

    public static long Capget(UserPointer<CapabilityHeader> at, UserPointer<Capabilities> to)
    {
        long error = ReadCapabilityHeader(at, out CapabilityHeader header);
        if (error < 0)
            return to.IsNull && error == Errno.EINVAL && header.Id >= 0 ? 0 : error;
        Thread* thread = header.Id == 0 ? Thread.Current : Threads.Find(header.Id);
        if (thread == null)
            return Errno.ESRCH;
        ulong effective = CapabilitiesOf(thread->Process->EffectiveUserId);
        ulong permitted = effective | CapabilitiesOf(thread->Process->SavedUserId)
            | CapabilitiesOf(thread->Process->RealUserId);
        effective &= ~thread->Process->Withheld;
        permitted &= ~thread->Process->GivenUp;
        if (!to.TryPut(new Capabilities { Effective = (uint)effective, Permitted = (uint)permitted }))
            return Errno.EFAULT;
        var upper = new Capabilities { Effective = (uint)(effective >> 32), Permitted = (uint)(permitted >> 32) };
        return header.Version == CapabilityVersion1 || to.At(1).TryPut(upper) ? 0 : Errno.EFAULT;
    }

    /// <summary>
    /// A process can set those that its user has, but for those that it gives up, and then no more than are permitted
    /// still (EPERM).
    /// </summary>
    public static long Capset(UserPointer<CapabilityHeader> at, UserPointer<Capabilities> from)
    {
        long error = ReadCapabilityHeader(at, out CapabilityHeader header);
        if (error < 0)
            return error;
        if (header.Id != 0 && header.Id != Thread.Current->Id)
            return Errno.EPERM;
        Capabilities upper = default;
        if (!from.TryGet(out Capabilities lower)
            || header.Version != CapabilityVersion1 && !from.At(1).TryGet(out upper))
            return Errno.EFAULT;
        ulong wanted = (lower.Effective | (ulong)upper.Effective << 32) & AllCapabilities;
        ulong permitted = (lower.Permitted | (ulong)upper.Permitted << 32) & AllCapabilities;
        ulong own = CapabilitiesOf(Process.Current->EffectiveUserId);
        Process* process = Process.Current;
        ulong withheld = own & ~wanted;
        ulong givenUp = own & ~permitted;
        bool isMore = ((wanted | permitted) & ~own) != 0 || (process->GivenUp & ~givenUp) != 0
            || (givenUp & ~withheld) != 0;
        if (isMore || (withheld & ~Capability.OneByOne) != 0 || (lower.Inheritable | upper.Inheritable) != 0)
            return Errno.EPERM;
        process->Withheld = withheld;
        process->GivenUp = givenUp;
        return 0;
    }
}
