namespace Guestos;

/// <summary>sendmmsg(2), recvmmsg(2): one message after the other, until one cannot be had at once.</summary>
public static unsafe class SeveralMessagesCalls
{
    private const ulong MaxMessages = 1024;
    private const uint WaitForOne = 0x10000;

    /// <summary>struct mmsghdr.</summary>
    public struct Header
    {
        public MessageHeader Message;
        public uint Length;
        public uint Padding;
    }

    /// <summary>Where msg_len lies.</summary>
    private const ulong LengthOffset = 56;

    public static long Send(ulong descriptor, UserPointer<Header> messages, ulong count, ulong flags)
    {
        ulong done = 0;
        long result = 0;
        for (ulong most = System.Math.Min((uint)count, MaxMessages); done < most; done++)
        {
            result = One(SystemCall.Sendmsg, descriptor, messages.At(done).Address, flags);
            if (result < 0)
                break;
        }
        return Answer(descriptor, done, result);
    }

    /// <summary>The time limit is looked at between messages, as on Linux (recvmmsg(2), BUGS).</summary>
    public static long Receive(ulong descriptor, UserPointer<Header> messages, ulong count, ulong flags,
        UserPointer<TimeCalls.TimeSpec> timeout)
    {
        ulong deadline = ulong.MaxValue;
        if (!timeout.IsNull)
        {
            if (!timeout.TryGet(out _))
                return Errno.EFAULT;
            if (!TimeCalls.ReadTime(timeout, out ulong nanoseconds))
                return Errno.EINVAL;
            deadline = Scheduler.DeadlineAfter(nanoseconds);
        }
        ulong done = 0;
        long result = 0;
        ulong how = (uint)flags & ~WaitForOne;
        for (ulong most = System.Math.Min((uint)count, MaxMessages); done < most; done++)
        {
            result = One(SystemCall.Recvmsg, descriptor, messages.At(done).Address, how);
            if (result < 0)
                break;
            if (((uint)flags & WaitForOne) != 0)
                how |= MessageFlags.DontWait;
            if (Clock.Monotonic >= deadline)
            {
                done++;
                break;
            }
        }
        return Answer(descriptor, done, result);
    }

    private static long One(SystemCall call, ulong descriptor, ulong header, ulong flags)
    {
        long result = SocketDispatch.Call(call, descriptor, header, flags, 0, 0, 0);
        UserPointer<uint> length = header + LengthOffset;
        return result >= 0 && !length.TryPut((uint)result) ? Errno.EFAULT : result;
    }

    /// <summary>An error is told when nothing was done; else the next call meets it.</summary>
    private static long Answer(ulong descriptor, ulong done, long result)
    {
        if (done > 0 || result < 0)
            return done > 0 ? (long)done : result;
        File* file = Descriptor.FileOf(descriptor);
        if (file == null)
            return Errno.EBADF;
        return SocketFile.Is(file) || LocalSocketFile.Is(file) ? 0 : Errno.ENOTSOCK;
    }
}
