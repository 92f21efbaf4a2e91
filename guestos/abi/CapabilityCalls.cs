namespace Guestos;

/// <summary>
/// capget(2), capset(2), and what prctl(2) does with capabilities(7) (<see cref="CapabilitySets"/>).
/// </summary>
public static unsafe class CapabilityCalls
{
    // include/uapi/linux/capability.h
    private const uint CapabilityVersion1 = 0x19980330;
    private const uint CapabilityVersion2 = 0x20071026;
    private const uint CapabilityVersion3 = 0x20080522;

    // PR_CAP_AMBIENT_…
    private const ulong IsAmbient = 1;
    private const ulong RaiseAmbient = 2;
    private const ulong LowerAmbient = 3;
    private const ulong ClearAmbient = 4;

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
        ref CapabilitySets sets = ref thread->Credentials.Capabilities;
        if (!to.TryPut(Half(sets, 0)))
            return Errno.EFAULT;
        return header.Version == CapabilityVersion1 || to.At(1).TryPut(Half(sets, 32)) ? 0 : Errno.EFAULT;
    }

    private static Capabilities Half(in CapabilitySets sets, int shift) => new()
    {
        Effective = (uint)(sets.Effective >> shift),
        Permitted = (uint)(sets.Permitted >> shift),
        Inheritable = (uint)(sets.Inheritable >> shift),
    };

    /// <summary>
    /// EPERM: more than is permitted, or inheritable what was neither that nor permitted (CAP_SETPCAP: nor in the
    /// bounding set).
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
        ulong effective = Whole(lower.Effective, upper.Effective);
        ulong permitted = Whole(lower.Permitted, upper.Permitted);
        ulong inheritable = Whole(lower.Inheritable, upper.Inheritable);
        ref CapabilitySets sets = ref Credentials.Current.Capabilities;
        ulong most = sets.Inheritable | sets.Permitted;
        if (!sets.Has(Capability.SETPCAP) && (inheritable & ~most) != 0
            || (inheritable & ~(sets.Inheritable | sets.Bounding)) != 0
            || (permitted & ~sets.Permitted) != 0 || (effective & ~permitted) != 0)
            return Errno.EPERM;
        sets.Effective = effective;
        sets.Permitted = permitted;
        sets.Inheritable = inheritable;
        sets.Ambient &= permitted & inheritable;
        return 0;
    }

    private static ulong Whole(uint lower, uint upper) => (lower | (ulong)upper << 32) & CapabilitySets.All;

    /// <summary>PR_SET_KEEPCAPS.</summary>
    public static long SetKeep(ulong wanted)
    {
        ref CapabilitySets sets = ref Credentials.Current.Capabilities;
        if (wanted > 1)
            return Errno.EINVAL;
        if (sets.Is(CapabilitySets.KeepCapabilities << 1))
            return Errno.EPERM;
        sets.SecureBits &= ~CapabilitySets.KeepCapabilities;
        if (wanted != 0)
            sets.SecureBits |= CapabilitySets.KeepCapabilities;
        return 0;
    }

    /// <summary>PR_CAPBSET_DROP.</summary>
    public static long DropFromBound(ulong capability)
    {
        if (!Permissions.Has(Capability.SETPCAP))
            return Errno.EPERM;
        if (capability > CapabilitySets.Last)
            return Errno.EINVAL;
        Credentials.Current.Capabilities.Bounding &= ~(1UL << (int)capability);
        return 0;
    }

    /// <summary>PR_SET_SECUREBITS: what is locked stays, and locks do (EPERM).</summary>
    public static long SetSecureBits(ulong wanted)
    {
        ref CapabilitySets sets = ref Credentials.Current.Capabilities;
        uint locked = (sets.SecureBits & CapabilitySets.Locks) >> 1;
        if ((locked & (sets.SecureBits ^ wanted)) != 0 || (sets.SecureBits & CapabilitySets.Locks & ~wanted) != 0
            || (wanted & ~(ulong)(CapabilitySets.Flags | CapabilitySets.Locks)) != 0
            || !Permissions.Has(Capability.SETPCAP))
            return Errno.EPERM;
        sets.SecureBits = (uint)wanted;
        return 0;
    }

    /// <summary>PR_CAP_AMBIENT.</summary>
    public static long ChangeAmbient(ulong operation, ulong capability, ulong c, ulong d)
    {
        ref CapabilitySets sets = ref Credentials.Current.Capabilities;
        bool clears = operation == ClearAmbient;
        if (capability > (clears ? 0u : CapabilitySets.Last) || (c | d) != 0)
            return Errno.EINVAL;
        ulong bit = 1UL << (int)capability;
        switch (operation)
        {
            case ClearAmbient:
                sets.Ambient = 0;
                return 0;
            case IsAmbient:
                return (sets.Ambient & bit) != 0 ? 1 : 0;
            case RaiseAmbient:
                if ((sets.Permitted & sets.Inheritable & bit) == 0 || sets.Is(CapabilitySets.NoAmbientRaise))
                    return Errno.EPERM;
                sets.Ambient |= bit;
                return 0;
            case LowerAmbient:
                sets.Ambient &= ~bit;
                return 0;
            default:
                return Errno.EINVAL;
        }
    }
}
