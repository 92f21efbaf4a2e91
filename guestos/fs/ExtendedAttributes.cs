using System;

namespace Guestos;

/// <summary>One attribute of a file: a name and a value. In the order of the names.</summary>
public unsafe struct ExtendedAttribute
{
    internal ExtendedAttribute* Next;
    internal byte* Value;
    internal int ValueLength;
    internal ushort NameLength;

    /// <summary>The first byte of the name; the attribute was allocated long enough for all.</summary>
    internal fixed byte Name[2];
}

/// <summary>
/// Extended attributes (xattr(7)) of files in memory: user.* for regular files and directories, trusted.* for the
/// superuser (CAP_SYS_ADMIN), security.* for everybody to read. Access control lists are not kept.
/// </summary>
public static unsafe class ExtendedAttributes
{
    public const int MaxNameLength = 255;
    public const int MaxValueSize = 65536;

    /// <summary>Bytes of names and values that one file may have.</summary>
    private const int MaxBytes = 2 * MaxValueSize;
    private const int MaxObjectSize = 2048;

    private static ReadOnlySpan<byte> Of(ExtendedAttribute* attribute) => new(attribute->Name, attribute->NameLength);

    /// <summary>
    /// 0 when the current process may read, or write, an attribute of this name: EPERM, ENODATA, EACCES,
    /// EOPNOTSUPP, EINVAL.
    /// </summary>
    public static long Check(Inode* inode, ReadOnlySpan<byte> name, bool write)
    {
        bool user = name.StartsWith("user."u8);
        bool trusted = name.StartsWith("trusted."u8);
        bool security = name.StartsWith("security."u8);
        if (trusted && !Permissions.Has(Capability.SYS_ADMIN))
            return write ? Errno.EPERM : Errno.ENODATA;
        if (user)
        {
            if (inode->Type is not (InodeType.REG or InodeType.DIR))
                return write ? Errno.EPERM : Errno.ENODATA;
            if (write && inode->Type == InodeType.DIR && (inode->Permissions & FileRights.Sticky) != 0
                && !FileRights.Owns(inode))
                return Errno.EPERM;
        }

        Capability writes = name.SequenceEqual(FileCapabilities.Name) ? Capability.SETFCAP : Capability.SYS_ADMIN;
        if (security && write && !Permissions.Has(writes))
            return Errno.EPERM;
        uint needed = write ? FileRights.Write : FileRights.Read;
        long error = security ? 0 : FileRights.Check(inode, needed);
        if (error < 0)
            return error;
        if (!inode->IsInMemory || !user && !trusted && !security)
            return Errno.EOPNOTSUPP;
        return name[name.Length - 1] == '.' && name.IndexOf((byte)'.') == name.Length - 1 ? Errno.EINVAL : 0;
    }

    /// <summary>The attribute, or null.</summary>
    public static ExtendedAttribute* Find(Inode* inode, ReadOnlySpan<byte> name)
    {
        ExtendedAttribute* attribute = inode->Attributes;
        while (attribute != null && !Of(attribute).SequenceEqual(name))
            attribute = attribute->Next;
        return attribute;
    }

    public static ReadOnlySpan<byte> ValueOf(ExtendedAttribute* attribute) =>
        new(attribute->Value, attribute->ValueLength);

    /// <summary>
    /// Makes room for a value of an attribute, new or not, which the caller fills at once; null: ENOSPC. What it was
    /// before is gone.
    /// </summary>
    public static ExtendedAttribute* Make(Inode* inode, ReadOnlySpan<byte> name, int length)
    {
        int held = 0;
        for (ExtendedAttribute* other = inode->Attributes; other != null; other = other->Next)
            held += other->NameLength + other->ValueLength;
        if (held + name.Length + length > MaxBytes || FileContent.FreeFrames < (ulong)length / 4096 + 2)
            return null;
        var attribute = (ExtendedAttribute*)Objects.Allocate(sizeof(ExtendedAttribute) + name.Length);
        byte* value = attribute != null ? AllocateValue(length) : null;
        if (value == null)
        {
            if (attribute != null)
                Objects.Free(attribute, sizeof(ExtendedAttribute) + name.Length);
            return null;
        }

        Remove(inode, name);
        attribute->Value = value;
        attribute->ValueLength = length;
        attribute->NameLength = (ushort)name.Length;
        name.CopyTo(new Span<byte>(attribute->Name, name.Length));
        ExtendedAttribute** at = &inode->Attributes;
        while (*at != null && IsBefore(Of(*at), name))
            at = &(*at)->Next;
        attribute->Next = *at;
        *at = attribute;
        inode->ChangeTime = Clock.Realtime;
        return attribute;
    }

    /// <summary>False when there is none (ENODATA).</summary>
    public static bool Remove(Inode* inode, ReadOnlySpan<byte> name)
    {
        ExtendedAttribute** at = &inode->Attributes;
        while (*at != null && !Of(*at).SequenceEqual(name))
            at = &(*at)->Next;
        if (*at == null)
            return false;
        ExtendedAttribute* gone = *at;
        *at = gone->Next;
        Free(gone);
        inode->ChangeTime = Clock.Realtime;
        return true;
    }

    /// <summary>The inode dies.</summary>
    public static void Release(Inode* inode)
    {
        while (inode->Attributes != null)
        {
            ExtendedAttribute* gone = inode->Attributes;
            inode->Attributes = gone->Next;
            Free(gone);
        }
    }

    /// <summary>
    /// The names, each with a zero behind it, into the buffer as far as it goes: how long they are in all.
    /// </summary>
    public static int List(Inode* inode, Span<byte> to)
    {
        int length = 0;
        for (ExtendedAttribute* attribute = inode->Attributes; attribute != null; attribute = attribute->Next)
        {
            ReadOnlySpan<byte> name = Of(attribute);
            if (name.StartsWith("trusted."u8) && !Permissions.Has(Capability.SYS_ADMIN))
                continue;
            if (length + name.Length < to.Length)
            {
                name.CopyTo(to.Slice(length));
                to[length + name.Length] = 0;
            }

            length += name.Length + 1;
        }

        return length;
    }

    private static bool IsBefore(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        for (int i = 0; i < left.Length && i < right.Length; i++)
            if (left[i] != right[i])
                return left[i] < right[i];
        return left.Length < right.Length;
    }

    private static byte* AllocateValue(int length)
    {
        if (length <= MaxObjectSize)
            return (byte*)Objects.Allocate(Math.Max(length, 1));
        ulong block = Frames.AllocateContiguous((length + 4095) / 4096);
        return block != 0 ? DirectMap.At(block) : null;
    }

    private static void Free(ExtendedAttribute* attribute)
    {
        if (attribute->ValueLength <= MaxObjectSize)
            Objects.Free(attribute->Value, Math.Max(attribute->ValueLength, 1));
        else
            for (int offset = 0; offset < attribute->ValueLength; offset += 4096)
                Frames.Release(DirectMap.PhysicalOf(attribute->Value + offset));
        Objects.Free(attribute, sizeof(ExtendedAttribute) + attribute->NameLength);
    }
}
