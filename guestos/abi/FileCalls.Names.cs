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
        long error = UserPath.Find(fromDirectory, from, options, out Inode* inode);
        if (error < 0)
            return error;
        error = UserPath.Walk(toDirectory, to, WalkOptions.None, out Walked walked);
        if (error == 0)
        {
            error = Names.AddLink(inode, ref walked);
            walked.Drop();
        }

        Vfs.Release(inode);
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
        long error = UserPath.Find(Here, path, WalkOptions.Follow, out Inode* inode);
        return error < 0 ? error : Enter(inode, &Process.Current->Files.WorkingDirectory);
    }

    public static long Fchdir(ulong descriptor)
    {
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        return file->Inode == null
            ? Errno.ENOTDIR
            : Enter(Vfs.Hold(file->Inode), &Process.Current->Files.WorkingDirectory);
    }

    public static long Chroot(UserString path)
    {
        long error = UserPath.Find(Here, path, WalkOptions.Follow, out Inode* inode);
        if (error < 0)
            return error;
        if (inode->Type == InodeType.DIR && FileRights.Check(inode, FileRights.Execute) == 0
            && !Permissions.Has(Capability.SYS_CHROOT))
        {
            Vfs.Release(inode);
            return Errno.EPERM;
        }

        return Enter(inode, &Process.Current->Files.RootDirectory);
    }

    /// <summary>Takes over the reference to <paramref name="inode"/>.</summary>
    private static long Enter(Inode* inode, void** place)
    {
        long error = inode->Type != InodeType.DIR
            ? Errno.ENOTDIR
            : FileRights.Check(inode, FileRights.Execute);
        if (error < 0)
        {
            Vfs.Release(inode);
            return error;
        }

        Vfs.Release((Inode*)*place);
        *place = inode;
        return 0;
    }

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
    /// mount(2): proc, and memory file systems under the names programs ask for. A bind mount is not offered.
    /// </summary>
    public static long Mount(UserString source, UserString target, UserString type, ulong flags, UserString data)
    {
        const int shortText = Mounts.TextCapacity;
        byte* typeText = stackalloc byte[shortText];
        byte* sourceText = stackalloc byte[shortText];
        typeText[0] = 0;
        sourceText[0] = 0;
        if (!Permissions.Has(Capability.SYS_ADMIN))
            return Errno.EPERM;
        long error = type.IsNull ? 0 : type.CopyTo(typeText, shortText);
        if (error >= 0 && !source.IsNull)
            error = source.CopyTo(sourceText, shortText);
        if (error < 0)
            return error;
        error = UserPath.Find(Here, target, WalkOptions.Follow, out Inode* point);
        if (error < 0)
            return error;
        Volumes.Options options = Volumes.Standard;
        error = TakeOptions(data, ref options);
        if (error == 0)
            error = Mount(point, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(sourceText),
                MemoryMarshal.CreateReadOnlySpanFromNullTerminated(typeText), (uint)flags, options);
        Vfs.Release(point);
        return error;
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

    private static long Mount(Inode* point, ReadOnlySpan<byte> source, ReadOnlySpan<byte> type, uint flags,
        in Volumes.Options options)
    {
        if ((flags & Mounts.Remount) != 0)
        {
            long limits = Mounts.ChangeLimits(point, options);
            return limits < 0 ? limits : Mounts.ChangeFlags(point, flags);
        }

        if ((flags & (Mounts.Bind | Mounts.Move)) != 0)
            return Errno.EOPNOTSUPP;
        if (point->Type != InodeType.DIR)
            return Errno.ENOTDIR;
        Inode* root;
        // It is there from the beginning.
        if (type.SequenceEqual("devpts"u8) && point == PseudoTerminal.Directory)
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
        byte* path = isFilled ? PathBuffers.Take() : null;
        long error = path == null ? Errno.ENOMEM : Vfs.PathOf(point, path, Vfs.PathCapacity);
        if (error >= 0)
            error = Mounts.Add(point, root, source, type, new ReadOnlySpan<byte>(path, (int)error), flags);
        PathBuffers.Give(path);
        if (error < 0 && root->Covers == null && !Mounts.IsPermanent(root))
            root->Links = 0;
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
        // This walk does not count as a use.
        uint expiring = Mounts.Expiring;
        long error = UserPath.Find(Here, target, how.Has(noFollow) ? WalkOptions.None : WalkOptions.Follow,
            out Inode* root);
        if (error < 0)
            return error;
        // Nor must its own reference make the mount busy.
        Inode* kept = root;
        Vfs.Release(root);
        if (!how.Has(expire))
            return Mounts.Remove(kept, how.Has(detach));
        return how.Has(force) || how.Has(detach) ? Errno.EINVAL : Mounts.Expire(kept, expiring);
    }
}
