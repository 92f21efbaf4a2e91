namespace Guestos;

/// <summary>
/// Whom an open file sends signals, and which: the requests of fcntl(2) and ioctl(2). Numbers from
/// include/uapi/asm-generic/fcntl.h.
/// </summary>
internal static unsafe class OwnerCalls
{
    private const ulong SetOwner = 8;
    private const ulong GetOwner = 9;
    private const ulong SetSignal = 10;
    private const ulong GetSignal = 11;
    private const ulong SetOwnerOfType = 15;
    private const ulong GetOwnerOfType = 16;

    /// <summary>struct f_owner_ex.</summary>
    public struct OwnerOfType
    {
        public int Type;
        public int Id;
    }

    /// <summary>EINVAL for any other command.</summary>
    public static long Fcntl(File* file, ulong command, ulong argument)
    {
        switch (command)
        {
            case SetOwner:
                return Set(file, (int)argument);
            case GetOwner:
                return Get(file);
            case SetSignal:
                if (argument > int.MaxValue || !Signal.TryMakeOrNone(argument, out Signal signal))
                    return Errno.EINVAL;
                FileOwner* owner = FileOwner.Of(file);
                if (owner == null)
                    return Errno.ENOMEM;
                owner->Signal = signal;
                return 0;
            case GetSignal:
                return file->Owner != null ? file->Owner->Signal.Number : 0;
            case SetOwnerOfType:
                if (!((UserPointer<OwnerOfType>)argument).TryGet(out OwnerOfType wanted))
                    return Errno.EFAULT;
                return wanted.Type is < (int)FileOwnerType.Thread or > (int)FileOwnerType.Group
                    ? Errno.EINVAL
                    : FileOwner.Set(file, (FileOwnerType)wanted.Type, wanted.Id);
            case GetOwnerOfType:
                var answer = new OwnerOfType { Type = (int)FileOwnerType.Thread };
                if (file->Owner != null)
                    answer = new OwnerOfType { Type = (int)file->Owner->Type, Id = file->Owner->Id };
                return ((UserPointer<OwnerOfType>)argument).Put(answer);
            default:
                return Errno.EINVAL;
        }
    }

    /// <summary>A process, or of a negative number a group.</summary>
    private static long Set(File* file, int owner)
    {
        if (owner == int.MinValue)
            return Errno.EINVAL;
        return owner < 0
            ? FileOwner.Set(file, FileOwnerType.Group, -owner)
            : FileOwner.Set(file, FileOwnerType.Process, owner);
    }

    private static long Get(File* file)
    {
        FileOwner* owner = file->Owner;
        if (owner == null)
            return 0;
        return owner->Type == FileOwnerType.Group ? -owner->Id : owner->Id;
    }

    /// <summary>False when the request is none of these.</summary>
    public static bool TryIoctl(Descriptor descriptor, uint request, ulong argument, out long answer)
    {
        File* file = descriptor.File;
        bool isSocket = SocketFile.Is(file) || LocalSocketFile.Is(file);
        answer = Errno.EFAULT;
        switch (request)
        {
            case FileIoctl.SetAsynchronous:
                if (!((UserPointer<int>)argument).TryGet(out int on))
                    return true;
                if (FileOwner.CanSignal(file))
                    answer = FileOwner.SetAsynchronous(file, descriptor.Number, on != 0);
                else
                    answer = on != 0 ? Errno.ENOTTY : 0;
                return true;
            case FileIoctl.SetOwner or FileIoctl.SetGroup when isSocket:
                if (((UserPointer<int>)argument).TryGet(out int owner))
                    answer = Set(file, owner);
                return true;
            case FileIoctl.GetOwner or FileIoctl.GetGroup when isSocket:
                answer = ((UserPointer<int>)argument).Put((int)Get(file));
                return true;
            default:
                return false;
        }
    }
}
