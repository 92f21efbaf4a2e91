using System;

namespace Guestos;

/// <summary>execveat(2).</summary>
public static unsafe class ExecveatCall
{
    /// <summary>
    /// A file that is named by a descriptor is found by its name in /proc, which has to be mounted.
    /// </summary>
    public static long Execveat(ulong directory, UserString path, UserPointer<UserString> arguments,
        UserPointer<UserString> environment, ulong flags)
    {
        if (!CallFlags.TryMake(flags, UserPath.NoFollow | UserPath.EmptyPath, out CallFlags how))
            return Errno.EINVAL;
        long result = UserPath.Find(directory, path, UserPath.OptionsOf(!how.Has(UserPath.NoFollow),
            how.Has(UserPath.EmptyPath)), out Inode* file);
        if (result < 0)
            return result;
        bool isLink = file->Type == InodeType.LNK;
        Vfs.Release(file);
        if (isLink)
            return Errno.ELOOP;
        byte* name = PathBuffers.Take();
        if (name == null)
            return Errno.ENOMEM;
        int length = 0;
        bool isAbsolute = ((UserPointer<byte>)path.Address).TryGet(out byte first) && first == '/';
        if (!isAbsolute && (int)directory != UserPath.CurrentDirectory)
        {
            "/proc/self/fd/"u8.CopyTo(new Span<byte>(name, Vfs.PathCapacity));
            length = "/proc/self/fd/"u8.Length;
            length += ProcTree.Decimal(name + length, (uint)directory);
            name[length] = (byte)'/';
            if (first != 0)
                length++;
        }
        result = path.CopyTo(name + length, Vfs.PathCapacity - length);
        if (result >= 0)
            result = Exec.Run(name, arguments, environment);
        PathBuffers.Give(name);
        return result;
    }
}
