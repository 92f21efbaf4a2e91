using System;

namespace Guestos;

/// <summary>sysfs(2): the types of file systems by number and by name.</summary>
public static class FileSystemTypeCalls
{
    private const int Types = 6;

    private static ReadOnlySpan<byte> NameOf(ulong index) => index switch
    {
        0 => "ramfs"u8,
        1 => "tmpfs"u8,
        2 => "devtmpfs"u8,
        3 => "devpts"u8,
        4 => "proc"u8,
        _ => "sysfs"u8,
    };

    public static unsafe long Sysfs(ulong option, ulong first, UserPointer<byte> to)
    {
        switch ((uint)option)
        {
            case 1:
                long error = UserPath.Take(first, out byte* path);
                if (error < 0)
                    return error;
                var wanted = System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(path);
                long found = Errno.EINVAL;
                for (ulong i = 0; i < Types; i++)
                    if (NameOf(i).SequenceEqual(wanted))
                        found = (long)i;
                PathBuffers.Give(path);
                return found;
            case 2:
                if ((uint)first >= Types)
                    return Errno.EINVAL;
                ReadOnlySpan<byte> name = NameOf((uint)first);
                return to.TryPutAll(name) && to.At((ulong)name.Length).TryPut(0) ? 0 : Errno.EFAULT;
            case 3:
                return Types;
            default:
                return Errno.EINVAL;
        }
    }
}
