using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>
/// The capabilities of a program's file, as its attribute security.capability has them: struct vfs_cap_data and
/// vfs_ns_cap_data of include/uapi/linux/capability.h.
/// </summary>
public unsafe struct FileCapabilities
{
    private const uint Revision2 = 0x02000000;
    private const uint Revision3 = 0x03000000;
    private const uint EffectiveFlag = 1;
    private const int Length2 = 20;
    private const int Length3 = 24;

    public ulong Permitted;
    public ulong Inheritable;

    /// <summary>They are effective at once: for programs that know nothing of capabilities.</summary>
    public bool AreEffective;

    /// <summary>The file has some; else all is empty.</summary>
    public bool AreThere;

    public static ReadOnlySpan<byte> Name => "security.capability"u8;

    /// <summary>
    /// Whether the attribute may have this value (EINVAL): one that says of itself that it is of the second or third
    /// revision, the latter for the namespace of user 0, which is the only one here.
    /// </summary>
    public static bool IsValid(ReadOnlySpan<byte> value)
    {
        if (value.Length is not (Length2 or Length3))
            return false;
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(value);
        return (magic & ~EffectiveFlag) == (value.Length == Length2 ? Revision2 : Revision3);
    }

    public static FileCapabilities Of(Inode* file)
    {
        ExtendedAttribute* attribute = file->Attributes != null ? ExtendedAttributes.Find(file, Name) : null;
        FileCapabilities all = default;
        if (attribute == null)
            return all;
        ReadOnlySpan<byte> value = ExtendedAttributes.ValueOf(attribute);
        bool isOfRoot = value.Length != Length3 || BinaryPrimitives.ReadUInt32LittleEndian(value.Slice(Length2)) == 0;
        if (!IsValid(value) || !isOfRoot)
            return all;
        all.AreThere = true;
        all.AreEffective = (BinaryPrimitives.ReadUInt32LittleEndian(value) & EffectiveFlag) != 0;
        all.Permitted = Words(value, 4, 12);
        all.Inheritable = Words(value, 8, 16);
        return all;
    }

    private static ulong Words(ReadOnlySpan<byte> value, int low, int high) =>
        (BinaryPrimitives.ReadUInt32LittleEndian(value.Slice(low))
            | (ulong)BinaryPrimitives.ReadUInt32LittleEndian(value.Slice(high)) << 32) & CapabilitySets.All;
}
