namespace Guestos;

/// <summary>
/// What a thread has of capabilities(7): sets of bits, one for each <see cref="Capability"/>, and its secure bits,
/// with the rules by which changes of the user change them. Ambient ones are always permitted and inheritable.
/// </summary>
public struct CapabilitySets
{
    /// <summary>CAP_LAST_CAP.</summary>
    public const int Last = 40;

    public const ulong All = (1UL << (Last + 1)) - 1;

    // include/uapi/linux/securebits.h. Each has a lock in the next higher bit.
    public const uint NoRoot = 1 << 0;
    public const uint NoSetUidFixup = 1 << 2;
    public const uint KeepCapabilities = 1 << 4;
    public const uint NoAmbientRaise = 1 << 6;
    public const uint Flags = NoRoot | NoSetUidFixup | KeepCapabilities | NoAmbientRaise;
    public const uint Locks = Flags << 1;

    public ulong Permitted;
    public ulong Effective;
    public ulong Inheritable;
    public ulong Bounding;
    public ulong Ambient;
    public uint SecureBits;

    /// <summary>Those of the first process.</summary>
    public static CapabilitySets OfFirst => new() { Permitted = All, Effective = All, Bounding = All };

    /// <summary>
    /// CAP_FS_SET of Linux, which goes with the user id for files: LINUX_IMMUTABLE and MAC_OVERRIDE, too.
    /// </summary>
    private static ulong OfFiles =>
        BitOf(Capability.CHOWN) | BitOf(Capability.DAC_OVERRIDE) | BitOf(Capability.DAC_READ_SEARCH)
            | BitOf(Capability.FOWNER) | BitOf(Capability.FSETID) | BitOf(Capability.MKNOD) | 1UL << 9 | 1UL << 32;

    public static ulong BitOf(Capability capability) => 1UL << (int)capability;

    public readonly bool Has(Capability capability) => (Effective & BitOf(capability)) != 0;

    public readonly bool Is(uint secureBit) => (SecureBits & secureBit) != 0;

    /// <summary>
    /// setuid(2) and its relatives ("Effect of user ID changes on capabilities"). Whether any of the real, effective
    /// and saved user was 0 and is, and whether the effective one was and is.
    /// </summary>
    public void ChangeUser(bool wasAny, bool isAny, bool wasEffective, bool isEffective)
    {
        if (Is(NoSetUidFixup))
            return;
        if (wasAny && !isAny)
        {
            if (!Is(KeepCapabilities))
                Permitted = 0;
            Effective &= Permitted;
            Ambient = 0;
        }
        if (wasEffective && !isEffective)
            Effective = 0;
        else if (!wasEffective && isEffective)
            Effective = Permitted;
    }

    /// <summary>setfsuid(2): whether the user for files was 0 and is.</summary>
    public void ChangeFileUser(bool was, bool isNow)
    {
        if (Is(NoSetUidFixup))
            return;
        if (was && !isNow)
            Effective &= ~OfFiles;
        else if (!was && isNow)
            Effective |= Permitted & OfFiles;
    }

    /// <summary>access(2) asks for the real user: with all that is permitted, or with nothing.</summary>
    public void AskAs(uint realUser)
    {
        if (!Is(NoSetUidFixup))
            Effective = realUser == 0 ? Permitted : 0;
    }
}
