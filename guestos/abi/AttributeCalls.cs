using System;

namespace Guestos;

/// <summary>Extended attributes: setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their kin.</summary>
internal static unsafe class AttributeCalls
{
    private const uint Create = 1, Replace = 2;

    /// <summary>Which file a call means.</summary>
    private enum By
    {
        Path,

        /// <summary>A link itself.</summary>
        Link,
        Descriptor,
    }

    /// <summary>Numbers 188 to 199: four calls, each by path, by link and by descriptor.</summary>
    public static long Call(ulong number, ulong file, ulong a, ulong b, ulong c, ulong d)
    {
        long error = Find((By)((number - 188) % 3), file, out Inode* inode);
        if (error < 0)
            return error;
        Span<byte> buffer = stackalloc byte[ExtendedAttributes.LongestName + 1];
        scoped ReadOnlySpan<byte> name = default;
        bool lists = number is >= 194 and <= 196;
        if (!lists)
            error = TakeName(a, buffer, out name);
        long result = error < 0 ? error : number switch
        {
            <= 190 => Set(inode, name, b, c, d),
            <= 193 => Get(inode, name, b, c),
            <= 196 => List(inode, a, b),
            _ => Remove(inode, name),
        };
        Vfs.Release(inode);
        return result;
    }

    private static long Find(By by, ulong file, out Inode* inode)
    {
        inode = null;
        if (by != By.Descriptor)
            return UserPath.Find(unchecked((ulong)UserPath.CurrentDirectory), file, by == By.Path ? WalkOptions.Follow : WalkOptions.None, out inode);
        File* open = Descriptor.FileOf(file);
        if (open == null || open->Kind == FileKind.Path)
            return Errno.BadDescriptor;
        inode = open->Inode != null ? Vfs.Hold(open->Inode) : Vfs.NewAnonymousInode(open);
        return inode != null ? 0 : Errno.NoMemory;
    }

    private static long TakeName(UserString from, Span<byte> buffer, out ReadOnlySpan<byte> name)
    {
        name = default;
        long length;
        fixed (byte* to = buffer)
            length = from.CopyTo(to, buffer.Length);
        if (length is 0 or Errno.NameTooLong)
            return Errno.Range;
        if (length < 0)
            return length;
        name = buffer.Slice(0, (int)length);
        return 0;
    }

    private static long Set(Inode* inode, ReadOnlySpan<byte> name, ulong value, ulong size, ulong flags)
    {
        if (!CallFlags.TryMake(flags, Create | Replace, out CallFlags how))
            return Errno.Invalid;
        if (size > ExtendedAttributes.LongestValue)
            return Errno.ArgumentsTooLong;
        byte* content = null;
        if (size > 0 && (!UserRange.TryMake(value, size, out UserRange range) || !range.TryBegin(Access.Read, out content)))
            return Errno.Fault;
        long error = ExtendedAttributes.Check(inode, name, write: true);
        if (error < 0)
            return error;
        bool exists = ExtendedAttributes.Find(inode, name) != null;
        if (exists && how.Has(Create))
            return Errno.Exists;
        if (!exists && how.Has(Replace))
            return Errno.NoData;
        ExtendedAttribute* attribute = ExtendedAttributes.Make(inode, name, (int)size);
        if (attribute == null)
            return Errno.NoSpace;
        // SAFETY: the range was made readable, and nothing has slept since.
        Memory.Copy(attribute->Value, content, size);
        return 0;
    }

    private static long Get(Inode* inode, ReadOnlySpan<byte> name, UserPointer<byte> to, ulong size)
    {
        long error = ExtendedAttributes.Check(inode, name, write: false);
        if (error < 0)
            return error;
        ExtendedAttribute* attribute = ExtendedAttributes.Find(inode, name);
        if (attribute == null)
            return Errno.NoData;
        ReadOnlySpan<byte> value = ExtendedAttributes.ValueOf(attribute);
        if (size == 0)
            return value.Length;
        if (size < (ulong)value.Length)
            return Errno.Range;
        return to.TryPutAll(value) ? value.Length : Errno.Fault;
    }

    private static long List(Inode* inode, ulong to, ulong size)
    {
        int length = ExtendedAttributes.List(inode, default);
        if (size == 0 || length == 0)
            return length;
        if (size < (ulong)length)
            return Errno.Range;
        if (!UserRange.TryMake(to, (ulong)length, out UserRange range) || !range.TryBegin(Access.Write, out byte* first))
            return Errno.Fault;
        // SAFETY: the range was made writable, and nothing has slept since.
        return ExtendedAttributes.List(inode, new Span<byte>(first, length));
    }

    private static long Remove(Inode* inode, ReadOnlySpan<byte> name)
    {
        long error = ExtendedAttributes.Check(inode, name, write: true);
        return error < 0 ? error : ExtendedAttributes.Remove(inode, name) ? 0 : Errno.NoData;
    }
}
