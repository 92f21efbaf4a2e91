using System;

namespace Guestos;

/// <summary>How a call names the file that it means.</summary>
internal enum FileBy
{
    Path,

    /// <summary>By its path; of a symbolic link, the link itself.</summary>
    Link,
    Descriptor,
}

/// <summary>
/// Extended attributes: setxattr(2), getxattr(2), listxattr(2), removexattr(2), and those by link and by descriptor.
/// </summary>
internal static unsafe class AttributeCalls
{
    private const uint Create = 1;
    private const uint Replace = 2;

    public static long Set(FileBy by, ulong file, ulong name, ulong value, ulong size, ulong flags)
    {
        Span<byte> buffer = stackalloc byte[ExtendedAttributes.MaxNameLength + 1];
        long error = Find(by, file, name, buffer, out Place place, out ReadOnlySpan<byte> taken);
        if (error < 0)
            return error;
        long result = Set(place, taken, value, size, flags);
        place.Drop();
        return result;
    }

    public static long Get(FileBy by, ulong file, ulong name, ulong value, ulong size)
    {
        Span<byte> buffer = stackalloc byte[ExtendedAttributes.MaxNameLength + 1];
        long error = Find(by, file, name, buffer, out Place place, out ReadOnlySpan<byte> taken);
        if (error < 0)
            return error;
        long result = Get(place.Inode, taken, value, size);
        place.Drop();
        return result;
    }

    public static long List(FileBy by, ulong file, ulong list, ulong size)
    {
        long error = Find(by, file, out Place place);
        if (error < 0)
            return error;
        long result = List(place.Inode, list, size);
        place.Drop();
        return result;
    }

    public static long Remove(FileBy by, ulong file, ulong name)
    {
        Span<byte> buffer = stackalloc byte[ExtendedAttributes.MaxNameLength + 1];
        long error = Find(by, file, name, buffer, out Place place, out ReadOnlySpan<byte> taken);
        if (error < 0)
            return error;
        long result = Remove(place, taken);
        place.Drop();
        return result;
    }

    /// <summary>The file, held, and the attribute's name. On failure nothing is held.</summary>
    private static long Find(FileBy by, ulong file, UserString name, Span<byte> buffer, out Place place,
        out ReadOnlySpan<byte> taken)
    {
        taken = default;
        long error = Find(by, file, out place);
        if (error < 0)
            return error;
        error = TakeName(name, buffer, out taken);
        if (error < 0)
            place.Drop();
        return error;
    }

    private static long Find(FileBy by, ulong file, out Place place)
    {
        place = default;
        if (by != FileBy.Descriptor)
            return UserPath.Find(unchecked((ulong)UserPath.CurrentDirectory), file,
                by == FileBy.Path ? WalkOptions.Follow : WalkOptions.None, out place);
        File* open = Descriptor.FileOf(file);
        if (open == null || open->IsPath)
            return Errno.EBADF;
        place = open->Inode != null ? open->Place.Hold() : new Place(Vfs.NewAnonymousInode(open), null);
        return place.Inode != null ? 0 : Errno.ENOMEM;
    }

    private static long TakeName(UserString from, Span<byte> buffer, out ReadOnlySpan<byte> name)
    {
        name = default;
        long length;
        fixed (byte* to = buffer)
            length = from.CopyTo(to, buffer.Length);
        if (length is 0 or Errno.ENAMETOOLONG)
            return Errno.ERANGE;
        if (length < 0)
            return length;
        name = buffer.Slice(0, (int)length);
        return 0;
    }

    private static long Set(in Place place, ReadOnlySpan<byte> name, ulong value, ulong size, ulong flags)
    {
        Inode* inode = place.Inode;
        if (!CallFlags.TryMake(flags, Create | Replace, out CallFlags how))
            return Errno.EINVAL;
        if (size > ExtendedAttributes.MaxValueSize)
            return Errno.E2BIG;
        byte* content = null;
        if (size > 0
            && (!UserRange.TryMake(value, size, out UserRange range) || !range.TryBegin(Access.Read, out content)))
            return Errno.EFAULT;
        // SAFETY: the range was made readable, and nothing has slept since.
        if (name.SequenceEqual(FileCapabilities.Name)
            && !FileCapabilities.IsValid(new ReadOnlySpan<byte>(content, (int)size)))
            return Errno.EINVAL;
        long error = place.IsReadOnly ? Errno.EROFS : ExtendedAttributes.Check(inode, name, write: true);
        if (error < 0)
            return error;
        bool exists = ExtendedAttributes.Find(inode, name) != null;
        if (exists && how.Has(Create))
            return Errno.EEXIST;
        if (!exists && how.Has(Replace))
            return Errno.ENODATA;
        ExtendedAttribute* attribute = ExtendedAttributes.Make(inode, name, (int)size);
        if (attribute == null)
            return Errno.ENOSPC;
        // SAFETY: the range was made readable, and nothing has slept since.
        Memory.Copy(attribute->Value, content, size);
        Inotify.Report(inode, FileEvent.Attributes);
        return 0;
    }

    private static long Get(Inode* inode, ReadOnlySpan<byte> name, UserPointer<byte> to, ulong size)
    {
        long error = ExtendedAttributes.Check(inode, name, write: false);
        if (error < 0)
            return error;
        ExtendedAttribute* attribute = ExtendedAttributes.Find(inode, name);
        if (attribute == null)
            return Errno.ENODATA;
        ReadOnlySpan<byte> value = ExtendedAttributes.ValueOf(attribute);
        if (size == 0)
            return value.Length;
        if (size < (ulong)value.Length)
            return Errno.ERANGE;
        return to.TryPutAll(value) ? value.Length : Errno.EFAULT;
    }

    private static long List(Inode* inode, ulong to, ulong size)
    {
        int length = ExtendedAttributes.List(inode, default);
        if (size == 0 || length == 0)
            return length;
        if (size < (ulong)length)
            return Errno.ERANGE;
        if (!UserRange.TryMake(to, (ulong)length, out UserRange range)
            || !range.TryBegin(Access.Write, out byte* first))
            return Errno.EFAULT;
        // SAFETY: the range was made writable, and nothing has slept since.
        return ExtendedAttributes.List(inode, new Span<byte>(first, length));
    }

    private static long Remove(in Place place, ReadOnlySpan<byte> name)
    {
        Inode* inode = place.Inode;
        long error = place.IsReadOnly ? Errno.EROFS : ExtendedAttributes.Check(inode, name, write: true);
        if (error < 0)
            return error;
        if (!ExtendedAttributes.Remove(inode, name))
            return Errno.ENODATA;
        Inotify.Report(inode, FileEvent.Attributes);
        return 0;
    }
}
