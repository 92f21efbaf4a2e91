using System;

namespace Guestos;

/// <summary>Descriptors: open, close, dup, fcntl, ioctl, pipes.</summary>
public static unsafe partial class FileCalls
{
    public static long Open(UserString path, ulong flags, ulong mode) =>
        Openat(unchecked((ulong)UserPath.CurrentDirectory), path, flags, mode);

    public static long Creat(UserString path, ulong mode) =>
        Open(path, OpenFlags.CREAT | OpenFlags.WRONLY | OpenFlags.TRUNC, mode);

    public static long Openat(ulong directory, UserString path, ulong flags, ulong mode)
    {
        uint wanted = (uint)flags;
        if ((wanted & OpenFlags.PATH) != 0)
            wanted &= OpenFlags.OfPath;
        return OpenFrom(directory, path, wanted, (uint)mode, WalkOptions.None);
    }

    /// <summary>open(2) and its relatives: a descriptor, or -errno.</summary>
    private static long OpenFrom(ulong directory, UserString path, uint wanted, uint mode, WalkOptions options)
    {
        bool follow = (wanted & OpenFlags.NOFOLLOW) == 0
            && (wanted & (OpenFlags.CREAT | OpenFlags.EXCL)) != (OpenFlags.CREAT | OpenFlags.EXCL);
        if (follow)
            options |= WalkOptions.Follow;
        long error = UserPath.Walk(directory, path, options, out Walked walked);
        if (error < 0)
            return error;
        File* file = null;
        error = OpenWalked(ref walked, wanted, mode, out file);
        walked.Drop();
        if (error < 0)
            return error;
        bool closeOnExec = (wanted & OpenFlags.CLOEXEC) != 0;
        long descriptor = FileTable.Install(FileContext.TableOf(Process.Current), file, closeOnExec);
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }

    private static long OpenWalked(ref Walked walked, uint flags, uint mode, out File* file)
    {
        file = null;
        bool temporary = (flags & OpenFlags.TMPFILE) == OpenFlags.TMPFILE;
        Inode* made = null;
        if (temporary && walked.Inode != null)
        {
            if (walked.Inode->Type != InodeType.DIR)
                return Errno.ENOTDIR;
            if (!walked.Inode->IsInMemory)
                return Errno.EOPNOTSUPP;
            long error = FileRights.Check(walked.Inode, FileRights.Write | FileRights.Execute);
            if (error < 0)
                return error;
            made = Vfs.NewInode(InodeType.REG, mode & ~Process.Current->Umask, walked.Inode->Volume);
            if (made == null)
                return Errno.ENOSPC;
        }
        else if (walked.Inode == null)
        {
            if ((flags & OpenFlags.CREAT) == 0)
                return Errno.ENOENT;
            if (walked.TrailingSlash)
                return Errno.EISDIR;
            long error = Names.Make(ref walked, InodeType.REG, mode & ~Process.Current->Umask, out made);
            if (error < 0)
                return error;
        }
        else if ((flags & (OpenFlags.CREAT | OpenFlags.EXCL)) == (OpenFlags.CREAT | OpenFlags.EXCL))
        {
            return Errno.EEXIST;
        }

        // A file that was made lies where it was to be, a temporary one in the directory that was named.
        Mount* mount = made != null && !temporary ? walked.ParentMount : walked.Mount;
        var place = new Place(made != null ? made : walked.Inode, mount);
        long result = OpenPlace(place, flags, made != null, out file);
        Vfs.Release(made);
        return result;
    }

    /// <summary>Makes an open file of a place; it takes references of its own. May sleep (FIFO).</summary>
    private static long OpenPlace(in Place place, uint flags, bool made, out File* file)
    {
        Inode* inode = place.Inode;
        file = null;
        bool pathOnly = (flags & OpenFlags.PATH) != 0;
        bool writes = !pathOnly && (flags & OpenFlags.ACCMODE) != OpenFlags.RDONLY;
        if ((flags & OpenFlags.DIRECTORY) != 0 && inode->Type != InodeType.DIR && !made)
            return Errno.ENOTDIR;
        switch (inode->Type)
        {
            case InodeType.DIR when writes || !pathOnly && (flags & (OpenFlags.CREAT | OpenFlags.TRUNC)) != 0:
                return Errno.EISDIR;
            case InodeType.DIR when (flags & OpenFlags.DIRECT) != 0:
                return Errno.EINVAL;
            case InodeType.LNK when !pathOnly:
                return Errno.ELOOP;
            case InodeType.SOCK or InodeType.BLK or InodeType.None when !pathOnly:
                return Errno.ENXIO;
            case InodeType.REG when inode->IsInMemory && writes:
                if (place.IsReadOnly)
                    return Errno.EROFS;
                if (inode->Object.Executions > 0)
                    return Errno.ETXTBSY;
                break;
        }

        long error = pathOnly || made ? 0 : MayOpen(place, flags);
        if (error < 0)
            return error;
        file = Files.Allocate(Files.None, pathOnly ? flags : flags | OpenFlags.LARGEFILE);
        if (file == null)
            return Errno.ENFILE;
        place.Hold();
        file->Inode = inode;
        file->Mount = place.Mount;
        file->IsCreator = made;
        // Terminals look at it when they are opened, and then it is forgotten.
        file->Flags |= flags & OpenFlags.NOCTTY;
        error = BeginOperations(file, pathOnly);
        file->Flags &= ~OpenFlags.NOCTTY;
        if (error == 0 && !pathOnly)
            Inotify.Report(inode, FileEvent.Open);
        if (error == 0 && RegularFile.Is(file))
        {
            if (writes)
                Files.CountWriter(file);
            if (!made && (flags & OpenFlags.TRUNC) != 0)
                error = Cut(inode, 0);
        }

        if (error == 0)
            return 0;
        Files.Release(file);
        file = null;
        return error;
    }

    /// <summary>
    /// Gives the file the operations of its inode's kind, and calls their Open. ENXIO: no driver has registered for the
    /// device's number; otherwise the error of Open.
    /// </summary>
    private static long BeginOperations(File* file, bool pathOnly)
    {
        FileOperations* operations = pathOnly ? PathFile.Operations : OperationsOf(file->Inode);
        if (operations == null)
            return Errno.ENXIO;
        file->Operations = operations;
        long error = operations->Open != null ? operations->Open(file) : 0;
        if (error < 0)
            file->Operations = Files.None;
        return error;
    }

    private static FileOperations* OperationsOf(Inode* inode) => inode->Type switch
    {
        InodeType.DIR => DirectoryFile.Operations,
        InodeType.FIFO => PipeFile.Operations,
        InodeType.CHR => Devices.OperationsOf(inode->DeviceNumber),
        _ => inode->Operations->RegularFile,
    };

    /// <summary>EACCES; EPERM for O_NOATIME on another's file.</summary>
    private static long MayOpen(in Place place, uint flags)
    {
        Inode* inode = place.Inode;
        uint wanted = (flags & OpenFlags.ACCMODE) switch
        {
            OpenFlags.RDONLY => FileRights.Read,
            OpenFlags.WRONLY => FileRights.Write,
            _ => FileRights.Read | FileRights.Write,
        };
        if ((flags & OpenFlags.TRUNC) != 0)
            wanted |= FileRights.Write;
        bool hasDevices = !place.Has(Mounts.NoDevices) && !Mounts.Has(inode->Volume, Mounts.NoDevices);
        if (inode->Type == InodeType.CHR && !hasDevices)
            return Errno.EACCES;
        long error = FileRights.Check(inode, wanted);
        if (error < 0)
            return error;
        if (inode->Operations->MayOpen != null && !inode->Operations->MayOpen(inode))
            return Errno.EACCES;
        return (flags & OpenFlags.NOATIME) != 0 && !FileRights.Owns(inode) ? Errno.EPERM : 0;
    }

    public static long Close(ulong number)
    {
        if (!Descriptor.TryFind(number, out Descriptor descriptor))
            return Errno.EBADF;
        descriptor.Close();
        return 0;
    }

    public static long CloseRange(ulong first, ulong last, ulong flags)
    {
        const uint unshare = 2;
        const uint closeOnExec = 4;
        if ((uint)first > (uint)last || !CallFlags.TryMake(flags, unshare | closeOnExec, out CallFlags how))
            return Errno.EINVAL;
        if (how.Has(unshare) && !FileContext.Unshare(Process.Current))
            return Errno.ENOMEM;
        FileTable* table = FileContext.TableOf(Process.Current);
        int most = (int)Math.Min((uint)last, FileTable.Capacity - 1);
        for (int i = FileTable.Next(table, (int)Math.Min((uint)first, FileTable.Capacity)); i >= 0
            && i <= most; i = FileTable.Next(table, i + 1))
        {
            Descriptor.TryFind((uint)i, out Descriptor descriptor);
            if (how.Has(closeOnExec))
                descriptor.SetCloseOnExec(true);
            else
                descriptor.Close();
        }

        return 0;
    }

    /// <summary>What pipe(2) answers.</summary>
    public struct PipeEnds
    {
        public int Reader;
        public int Writer;
    }

    public static long Pipe(UserPointer<PipeEnds> ends) => Pipe2(ends, 0);

    public static long Pipe2(UserPointer<PipeEnds> ends, ulong flags)
    {
        if (!CallFlags.TryMake(flags, OpenFlags.NONBLOCK | OpenFlags.CLOEXEC | OpenFlags.DIRECT,
            out CallFlags how))
            return Errno.EINVAL;
        long error = PipeFile.Create((uint)flags, out File* reader, out File* writer);
        if (error < 0)
            return error;
        FileTable* table = FileContext.TableOf(Process.Current);
        bool closeOnExec = how.Has(OpenFlags.CLOEXEC);
        long first = FileTable.Install(table, reader, closeOnExec);
        long second = first < 0 ? first : FileTable.Install(table, writer, closeOnExec);
        if (second < 0)
        {
            if (first >= 0)
                FileTable.Close(table, (int)first);
            else
                Files.Release(reader);
            Files.Release(writer);
            return second;
        }

        if (ends.TryPut(new PipeEnds { Reader = (int)first, Writer = (int)second }))
            return 0;
        FileTable.Close(table, (int)first);
        FileTable.Close(table, (int)second);
        return Errno.EFAULT;
    }

    public static long Dup(ulong descriptor)
    {
        File* file = Descriptor.FileOf(descriptor);
        return file == null ? Errno.EBADF : Duplicate(file, 0, false);
    }

    public static long Dup2(ulong from, ulong to)
    {
        if ((uint)from != (uint)to)
            return Dup3(from, to, 0);
        return Descriptor.FileOf(from) == null ? Errno.EBADF : (long)(uint)from;
    }

    public static long Dup3(ulong from, ulong to, ulong flags)
    {
        if ((uint)from == (uint)to || !CallFlags.TryMake(flags, OpenFlags.CLOEXEC, out CallFlags how))
            return Errno.EINVAL;
        File* file = Descriptor.FileOf(from);
        if (file == null || (uint)to >= FileTable.Limit)
            return Errno.EBADF;
        if (FileTable.Put(FileContext.TableOf(Process.Current), (int)to, Files.Hold(file), how.Has(OpenFlags.CLOEXEC)))
            return (uint)to;
        Files.Release(file);
        return Errno.ENOMEM;
    }

    private static long Duplicate(File* file, int lowest, bool closeOnExec)
    {
        FileTable* table = FileContext.TableOf(Process.Current);
        long descriptor = FileTable.Install(table, Files.Hold(file), closeOnExec, lowest);
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }

    /// <summary>fcntl(2). Numbers from include/uapi/asm-generic/fcntl.h and linux/fcntl.h.</summary>
    public static long Fcntl(ulong number, ulong command, ulong argument)
    {
        const ulong duplicate = 0;
        const ulong getDescriptorFlags = 1;
        const ulong setDescriptorFlags = 2;
        const ulong getFlags = 3;
        const ulong setFlags = 4;
        const ulong askCreated = 1028;
        const ulong duplicateCloseOnExec = 1030;
        const ulong setPipeSize = 1031;
        const ulong getPipeSize = 1032;
        const ulong addSeals = 1033;
        const ulong getSeals = 1034;
        if (!Descriptor.TryFind(number, out Descriptor descriptor))
            return Errno.EBADF;
        File* file = descriptor.File;
        if (file->IsPath
            && command is not (duplicate or duplicateCloseOnExec or getDescriptorFlags or setDescriptorFlags
                or getFlags))
            return Errno.EBADF;
        if (LockCalls.IsLockCommand(command))
            return LockCalls.Fcntl(descriptor, command, argument);
        switch (command)
        {
            case duplicate or duplicateCloseOnExec:
                return argument >= FileTable.Limit
                    ? Errno.EINVAL
                    : Duplicate(file, (int)argument, command == duplicateCloseOnExec);
            case getDescriptorFlags:
                return descriptor.IsCloseOnExec ? 1 : 0;
            case setDescriptorFlags:
                descriptor.SetCloseOnExec((argument & 1) != 0);
                return 0;
            case getFlags:
                return file->Flags;
            case setFlags:
                file->Flags = file->Flags & ~OpenFlags.Settable | (uint)argument & OpenFlags.Settable;
                return FileOwner.SetAsynchronous(file, descriptor.Number, ((uint)argument & OpenFlags.ASYNC) != 0);
            case askCreated:
                return file->IsCreator ? 1 : 0;
            case setPipeSize:
                return PipeFile.Is(file) ? PipeFile.SetCapacity(file, (uint)argument) : Errno.EBADF;
            case getPipeSize:
                return PipeFile.Is(file) ? (long)PipeFile.CapacityOf(file) : Errno.EBADF;
            case addSeals:
                return Seals.Add(file, (uint)argument);
            case getSeals:
                return Seals.Get(file);
            default:
                return OwnerCalls.Fcntl(file, command, argument);
        }
    }

    public static long Ioctl(ulong number, ulong request, ulong argument)
    {
        const uint closeOnExec = 0x5451;
        const uint notCloseOnExec = 0x5450;     // FIOCLEX, FIONCLEX
        if (!Descriptor.TryFind(number, out Descriptor descriptor) || descriptor.File->IsPath)
            return Errno.EBADF;
        if ((uint)request is closeOnExec or notCloseOnExec)
        {
            descriptor.SetCloseOnExec((uint)request == closeOnExec);
            return 0;
        }

        File* file = Files.Hold(descriptor.File);
        long result = OwnerCalls.TryIoctl(descriptor, (uint)request, argument, out long answer)
            ? answer
            : Files.Ioctl(file, (uint)request, argument);
        Files.Release(file);
        return result;
    }

    /// <summary>memfd_create(2): a regular file without a name.</summary>
    public static long MemfdCreate(UserString name, ulong flags)
    {
        const uint closeOnExec = 1;
        const uint sealing = 2;
        const int maxName = 249;
        if (!CallFlags.TryMake(flags, closeOnExec | sealing, out CallFlags how))
            return Errno.EINVAL;
        long error = UserPath.Take(name, out byte* text);
        if (error < 0)
            return error;
        int length = System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text).Length;
        PathBuffers.Give(text);
        if (length > maxName)
            return Errno.EINVAL;
        Inode* inode = Vfs.NewInode(InodeType.REG, 0x1ff, Vfs.RootVolume);
        if (inode == null)
            return Errno.ENOMEM;
        File* file = Files.Allocate(RegularFile.Operations, OpenFlags.RDWR | OpenFlags.LARGEFILE);
        if (file == null)
        {
            Vfs.Release(inode);
            return Errno.ENFILE;
        }

        file->Inode = inode;
        inode->IsSealable = how.Has(sealing);
        Files.CountWriter(file);
        long descriptor = FileTable.Install(FileContext.TableOf(Process.Current), file, how.Has(closeOnExec));
        if (descriptor < 0)
            Files.Release(file);
        return descriptor;
    }
}
