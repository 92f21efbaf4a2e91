using System;
using System.Runtime.InteropServices;

namespace Guestos;

/// <summary>Names: links, directories, renaming, working directory, mounts.</summary>
public static unsafe partial class FileCalls
{
    public static long Symlink(UserString target, UserString path) => Symlinkat(target, Here, path);

    public static long Symlinkat(UserString target, ulong directory, UserString path)
    {
        long error = UserPath.Take(target, out byte* text);
        if (error < 0)
            return error;
        error = text[0] != 0 ? MakeLink(text, directory, path) : Errno.ENOENT;
        PathBuffers.Give(text);
        return error;
    }

    private static long MakeLink(byte* target, ulong directory, UserString path)
    {
        long error = UserPath.Walk(directory, path, WalkOptions.None, out Walked walked);
        if (error < 0)
            return error;
        error = Names.MakeLink(ref walked, target, Memory.StringLength(target));
        walked.Drop();
        return error;
    }

    public static long Link(UserString from, UserString to) => Linkat(Here, from, Here, to, 0);

    public static long Linkat(ulong fromDirectory, UserString from, ulong toDirectory, UserString to, ulong flags)
    {
        if (!CallFlags.TryMake(flags, UserPath.Follow | UserPath.EmptyPath, out CallFlags how))
            return Errno.EINVAL;
        if (how.Has(UserPath.EmptyPath) && !Permissions.Has(Capability.DAC_READ_SEARCH))
            return Errno.ENOENT;
        WalkOptions options = UserPath.OptionsOf(follow: how.Has(UserPath.Follow), how.Has(UserPath.EmptyPath));
        long error = UserPath.Find(fromDirectory, from, options, out Place source);
        if (error < 0)
            return error;
        error = UserPath.Walk(toDirectory, to, WalkOptions.None, out Walked walked);
        if (error == 0)
        {
            error = Names.AddLink(source, ref walked);
            walked.Drop();
        }

        source.Drop();
        return error;
    }

    public static long Unlink(UserString path) => Unlinkat(Here, path, 0);

    public static long Rmdir(UserString path) => Unlinkat(Here, path, UserPath.RemoveDirectory);

    public static long Unlinkat(ulong directory, UserString path, ulong flags)
    {
        if (!CallFlags.TryMake(flags, UserPath.RemoveDirectory, out CallFlags how))
            return Errno.EINVAL;
        long error = UserPath.Walk(directory, path, WalkOptions.None, out Walked walked);
        if (error < 0)
            return error;
        error = how.Has(UserPath.RemoveDirectory) ? Names.RemoveDirectory(ref walked) : Names.Unlink(ref walked);
        walked.Drop();
        return error;
    }

    public static long Rename(UserString from, UserString to) => Renameat2(Here, from, Here, to, 0);

    public static long Renameat(ulong fromDirectory, UserString from, ulong toDirectory, UserString to) =>
        Renameat2(fromDirectory, from, toDirectory, to, 0);

    public static long Renameat2(ulong fromDirectory, UserString from, ulong toDirectory, UserString to, ulong flags)
    {
        const uint noReplace = 1;
        const uint exchange = 2;
        if (!CallFlags.TryMake(flags, noReplace | exchange, out CallFlags how) || how.HasAll(noReplace | exchange))
            return Errno.EINVAL;
        long error = UserPath.Walk(fromDirectory, from, WalkOptions.None, out Walked source);
        if (error < 0)
            return error;
        error = UserPath.Walk(toDirectory, to, WalkOptions.None, out Walked target);
        if (error == 0)
        {
            error = Names.Rename(ref source, ref target, how.Has(noReplace), how.Has(exchange));
            target.Drop();
        }

        source.Drop();
        return error;
    }

    public static long Mkdir(UserString path, ulong mode) => Mkdirat(Here, path, mode);

    public static long Mkdirat(ulong directory, UserString path, ulong mode) =>
        Make(directory, path, InodeType.DIR, mode, 0);

    public static long Mknod(UserString path, ulong mode, ulong device) => Mknodat(Here, path, mode, device);

    public static long Mknodat(ulong directory, UserString path, ulong mode, ulong device)
    {
        var type = (InodeType)(mode & 0xf000);
        if (type == 0)
            type = InodeType.REG;
        if (type is InodeType.CHR or InodeType.BLK && !Permissions.Has(Capability.MKNOD))
            return Errno.EPERM;
        if (type is not (InodeType.REG or InodeType.CHR or InodeType.BLK or InodeType.FIFO
            or InodeType.SOCK))
            return type == InodeType.DIR ? Errno.EPERM : Errno.EINVAL;
        return Make(directory, path, type, mode, (uint)device);
    }

    private static long Make(ulong directory, UserString path, InodeType type, ulong mode, uint device)
    {
        long error = UserPath.Walk(directory, path, WalkOptions.None, out Walked walked);
        if (error < 0)
            return error;
        error = Names.Make(ref walked, type, (uint)mode & ~Process.Current->Umask, out Inode* made);
        if (error == 0)
        {
            if (type is InodeType.CHR or InodeType.BLK)
                made->DeviceNumber = device;
            Vfs.Release(made);
        }

        walked.Drop();
        return error;
    }

    public static long Umask(ulong mask)
    {
        uint before = Process.Current->Umask;
        Process.Current->Umask = (uint)mask & 0x1ff;
        return before;
    }

    public static long Chdir(UserString path)
    {
        long error = UserPath.Find(Here, path, WalkOptions.Follow, out Place place);
        if (error == 0)
            error = MayEnter(place);
        if (error == 0)
            FileContext.SetWorkingDirectory(Process.Current, place);
        else
            place.Drop();
        return error;
    }

    public static long Fchdir(ulong descriptor)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        long error = file->Inode == null ? Errno.ENOTDIR : MayEnter(file->Place);
        if (error == 0)
            FileContext.SetWorkingDirectory(Process.Current, file->Place.Hold());
        return error;
    }

    public static long Chroot(UserString path)
    {
        long error = UserPath.Find(Here, path, WalkOptions.Follow, out Place place);
        if (error == 0)
            error = MayEnter(place);
        if (error == 0 && !Permissions.Has(Capability.SYS_CHROOT))
            error = Errno.EPERM;
        if (error == 0)
            FileContext.SetRootDirectory(Process.Current, place);
        else
            place.Drop();
        return error;
    }

    private static long MayEnter(in Place place) =>
        place.Inode->Type != InodeType.DIR ? Errno.ENOTDIR : FileRights.Check(place.Inode, FileRights.Execute);

    /// <summary>getcwd(2): the length with its zero.</summary>
    public static long Getcwd(UserPointer<byte> buffer, ulong size)
    {
        byte* path = PathBuffers.Take();
        if (path == null)
            return Errno.ENOMEM;
        long length = Vfs.PathOf(Vfs.CurrentDirectory, path, Vfs.PathCapacity);
        if (length >= 0)
        {
            length++;
            if ((ulong)length > size)
                length = Errno.ERANGE;
            else if (!buffer.TryPutAll(new ReadOnlySpan<byte>(path, (int)length)))
                length = Errno.EFAULT;
        }

        PathBuffers.Give(path);
        return length;
    }

    /// <summary>
    /// mount(2): proc, memory file systems under the names programs ask for, and what is there at another place
    /// (MS_BIND, MS_MOVE). There is one namespace of mounts, to which nothing is passed on from elsewhere: MS_SHARED
    /// and its like change nothing.
    /// </summary>
    public static long Mount(UserString source, UserString target, UserString type, ulong flags, UserString data)
    {
        if (!Permissions.Has(Capability.SYS_ADMIN))
            return Errno.EPERM;
        long error = UserPath.Find(Here, target, WalkOptions.Follow, out Place point);
        if (error < 0)
            return error;
        uint how = (uint)flags;
        if ((how & Mounts.Remount) != 0)
            error = Change(point, how, data);
        else if ((how & Mounts.Bind) != 0)
            error = Bind(source, point, how);
        else if ((how & Mounts.Propagation) != 0)
            error = ChangePropagation(point, how);
        else if ((how & Mounts.Move) != 0)
            error = MoveMount(source, point);
        else
            error = MountNew(source, point, type, how, data);
        point.Drop();
        return error;
    }

    private static long Change(in Place point, uint flags, UserString data)
    {
        if (!point.IsMountRoot)
            return Errno.EINVAL;
        Volumes.Options options = Volumes.Standard;
        long error = (flags & Mounts.Bind) != 0 ? 0 : TakeOptions(data, ref options);
        if (error == 0)
            error = Mounts.ChangeLimits(point.Inode, options);
        if (error == 0)
            Mounts.ChangeFlags(point.Mount, flags);
        return error;
    }

    private static long ChangePropagation(in Place point, uint flags)
    {
        const uint known = Mounts.Propagation | Mounts.Recursive | Mounts.Silent;
        uint kinds = flags & Mounts.Propagation;
        return (flags & ~known) == 0 && (kinds & kinds - 1) == 0 && point.IsMountRoot ? 0 : Errno.EINVAL;
    }

    private static long Bind(UserString source, in Place point, uint flags)
    {
        if (source.IsNullOrEmpty)
            return Errno.EINVAL;
        long error = UserPath.Find(Here, source, WalkOptions.Follow, out Place from);
        if (error < 0)
            return error;
        if (from.Mount == null)
            error = Errno.EINVAL;
        else if (!AreAlike(from, point))
            error = Errno.ENOTDIR;
        else
            error = Mounts.AddBind(from, point, (flags & Mounts.Recursive) != 0);
        from.Drop();
        return error;
    }

    private static long MoveMount(UserString source, in Place point)
    {
        if (source.IsNullOrEmpty)
            return Errno.EINVAL;
        long error = UserPath.Find(Here, source, WalkOptions.Follow, out Place from);
        if (error < 0)
            return error;
        if (!from.IsMountRoot)
            error = Errno.EINVAL;
        else if (!AreAlike(from, point))
            error = Errno.EINVAL;
        else
            error = Mounts.MoveTo(from, point);
        from.Drop();
        return error;
    }

    /// <summary>A directory covers directories, anything else what is none.</summary>
    private static bool AreAlike(in Place one, in Place other) =>
        one.Inode->Type == InodeType.DIR == (other.Inode->Type == InodeType.DIR);

    private static long MountNew(UserString source, in Place point, UserString type, uint flags, UserString data)
    {
        const int shortText = Guestos.Mount.TextCapacity;
        byte* typeText = stackalloc byte[shortText];
        byte* sourceText = stackalloc byte[shortText];
        typeText[0] = 0;
        sourceText[0] = 0;
        long error = type.IsNull ? 0 : type.CopyTo(typeText, shortText);
        if (error >= 0 && !source.IsNull)
            error = source.CopyTo(sourceText, shortText);
        if (error < 0)
            return error;
        Volumes.Options options = Volumes.Standard;
        error = TakeOptions(data, ref options);
        if (error < 0)
            return error;
        return MountNew(point, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(sourceText),
            MemoryMarshal.CreateReadOnlySpanFromNullTerminated(typeText), flags, options);
    }

    /// <summary>EINVAL for an option that nobody knows.</summary>
    private static long TakeOptions(UserString data, ref Volumes.Options options)
    {
        if (data.IsNull)
            return 0;
        byte* text = PathBuffers.Take();
        if (text == null)
            return Errno.ENOMEM;
        long length = data.CopyTo(text, Vfs.PathCapacity);
        bool known = length >= 0 && Volumes.Parse(new ReadOnlySpan<byte>(text, (int)length), ref options);
        PathBuffers.Give(text);
        if (length == Errno.EFAULT)
            return Errno.EFAULT;
        return known ? 0 : Errno.EINVAL;
    }

    private static long MountNew(in Place point, ReadOnlySpan<byte> source, ReadOnlySpan<byte> type, uint flags,
        in Volumes.Options options)
    {
        if (point.Inode->Type != InodeType.DIR)
            return Errno.ENOTDIR;
        Inode* root;
        // It is there from the beginning.
        if (type.SequenceEqual("devpts"u8) && point.Inode == PseudoTerminal.Directory)
            return 0;
        if (type.SequenceEqual("proc"u8))
            root = Vfs.Hold(ProcTree.Root);
        else if (type.SequenceEqual("devtmpfs"u8))
            root = Vfs.Hold(Vfs.DeviceRoot);
        else if (type.SequenceEqual("devpts"u8))
            root = PseudoTerminal.Directory != null ? Vfs.Hold(PseudoTerminal.Directory) : null;
        else if (type.SequenceEqual("tmpfs"u8) || type.SequenceEqual("ramfs"u8) || type.SequenceEqual("sysfs"u8))
            root = NewRoot(type.SequenceEqual("tmpfs"u8), options);
        else
            return Errno.ENODEV;
        if (root == null)
            return Errno.ENOMEM;
        bool isFilled = !type.SequenceEqual("sysfs"u8) || SystemTree.TryFill(root);
        long error = isFilled ? 0 : Errno.ENOMEM;
        // The same file system is not mounted upon itself.
        if (point.IsMountRoot && point.Inode == root)
            error = Errno.EBUSY;
        if (error == 0)
            error = Mounts.Add(point, root, source, type, flags);
        if (root->Volume >= Vfs.FirstMountVolume)
        {
            if (error == 0)
                Volumes.Of(root->Volume).Root = Vfs.Hold(root);
            else
                Mounts.Dissolve(root);
        }

        Vfs.Release(root);
        return error;
    }

    private static Inode* NewRoot(bool limited, in Volumes.Options options)
    {
        byte volume = Mounts.NextVolume();
        Inode* root = volume != 0 ? Vfs.NewRoot(volume) : null;
        if (root == null || !limited)
            return root;
        Volumes.Of(volume).MaxPages = options.MaxPages;
        Volumes.Of(volume).MaxInodes = options.MaxInodes;
        root->Permissions = (ushort)options.Mode;
        if (options.HasUser)
            root->UserId = options.User;
        if (options.HasGroup)
            root->GroupId = options.Group;
        return root;
    }

    public static long Umount2(UserString target, ulong flags)
    {
        const uint force = 1;
        const uint detach = 2;
        const uint expire = 4;
        const uint noFollow = 8;
        if (!CallFlags.TryMake(flags, force | detach | expire | noFollow, out CallFlags how))
            return Errno.EINVAL;
        if (!Permissions.Has(Capability.SYS_ADMIN))
            return Errno.EPERM;
        WalkOptions options = how.Has(noFollow) ? WalkOptions.Unmount : WalkOptions.Unmount | WalkOptions.Follow;
        long error = UserPath.Find(Here, target, options, out Place place);
        if (error < 0)
            return error;
        // This walk's own references must not make the mount busy: as long as it has a place, it stays.
        bool isPlaced = place.Mount != null && place.Mount->Parent != null;
        Place kept = place;
        place.Drop();
        if (!isPlaced)
            return Errno.EINVAL;
        if (!how.Has(expire))
            return Mounts.Unmount(kept, how.Has(detach));
        return how.Has(force) || how.Has(detach) ? Errno.EINVAL : Mounts.Expire(kept);
    }
}
