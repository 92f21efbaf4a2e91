namespace Guestos;

/// <summary>Commands that msgctl(2), semctl(2) and shmctl(2) share (include/uapi/linux/ipc.h).</summary>
internal static class IpcCommand
{
    public const int Remove = 0;
    public const int Set = 1;
    public const int Status = 2;
    public const int Limits = 3;
}

/// <summary>msgget(2) and its relatives.</summary>
public static unsafe class QueueCalls
{
    // msgctl(2)
    private const int StatusOfIndex = 11;
    private const int Usage = 12;
    private const int AnyStatusOfIndex = 13;

    public static long Get(ulong key, ulong flags) => MessageQueues.Get((int)key, (uint)flags);

    public static long Send(ulong id, UserPointer<long> message, ulong size, ulong flags)
    {
        if (size > MessageQueues.MaxMessage || (int)id < 0)
            return Errno.EINVAL;
        if (!message.TryGet(out long type)
            || !UserRange.TryMake(message.Address + sizeof(long), size, out UserRange text))
            return Errno.EFAULT;
        return MessageQueues.Send((int)id, type, text, (uint)flags);
    }

    public static long Receive(ulong id, UserPointer<long> message, ulong size, ulong type, ulong flags) =>
        MessageQueues.Receive((int)id, message, size, (long)type, (uint)flags);

    public static long Control(ulong id, ulong command, UserPointer<MessageQueueStatus> buffer)
    {
        if ((int)id < 0 || (int)command < 0)
            return Errno.EINVAL;
        switch ((int)command)
        {
            case IpcCommand.Limits or Usage:
                return TellLimits((int)command == Usage, buffer.Address);
            case IpcCommand.Status:
                return Tell(MessageQueues.Find((int)id), checks: true, 0, buffer);
            case StatusOfIndex or AnyStatusOfIndex:
                var at = (MessageQueue*)MessageQueues.Table.AtIndexOf((int)id);
                return Tell(at, (int)command == StatusOfIndex, at != null ? at->Common.Id : 0, buffer);
            case IpcCommand.Set:
                if (!buffer.TryGet(out MessageQueueStatus wanted))
                    return Errno.EFAULT;
                return Set((int)id, wanted);
            case IpcCommand.Remove:
                MessageQueue* queue = MessageQueues.Find((int)id);
                if (queue == null)
                    return Errno.EINVAL;
                if (!queue->Common.IsOwned)
                    return Errno.EPERM;
                MessageQueues.Remove(queue);
                return 0;
            default:
                return Errno.EINVAL;
        }
    }

    private static long Set(int id, in MessageQueueStatus wanted)
    {
        MessageQueue* queue = MessageQueues.Find(id);
        if (queue == null)
            return Errno.EINVAL;
        if (!queue->Common.IsOwned
            || wanted.MaxBytes > MessageQueues.MaxBytes && !Permissions.Has(Capability.SYS_RESOURCE))
            return Errno.EPERM;
        wanted.Permissions.ApplyTo(&queue->Common);
        MessageQueues.SetMaxBytes(queue, wanted.MaxBytes);
        return 0;
    }

    private static long Tell(MessageQueue* queue, bool checks, int result, UserPointer<MessageQueueStatus> to)
    {
        if (queue == null)
            return Errno.EINVAL;
        long error = checks ? queue->Common.Check(IpcObject.Reads) : 0;
        if (error < 0)
            return error;
        var status = new MessageQueueStatus
        {
            Permissions = IpcPermissions.Of(&queue->Common),
            SendTime = queue->SendTime,
            ReceiveTime = queue->ReceiveTime,
            ChangeTime = queue->Common.ChangeTime,
            Bytes = queue->Bytes,
            Count = queue->Count,
            MaxBytes = queue->MaxBytes,
            LastSender = queue->LastSender,
            LastReceiver = queue->LastReceiver,
        };
        return to.TryPut(status) ? result : Errno.EFAULT;
    }

    private static long TellLimits(bool isUsage, UserPointer<MessageLimits> to)
    {
        const int segment = 16;
        var limits = new MessageLimits
        {
            Pool = isUsage ? MessageQueues.Table.Count : MessageQueues.MaxQueues * (int)MessageQueues.MaxBytes / 1024,
            Map = isUsage ? (int)MessageQueues.TotalCount : (int)MessageQueues.MaxBytes,
            MaxMessage = (int)MessageQueues.MaxMessage,
            MaxBytes = (int)MessageQueues.MaxBytes,
            MaxQueues = MessageQueues.MaxQueues,
            SegmentSize = segment,
            Total = isUsage ? (int)MessageQueues.TotalBytes : (int)MessageQueues.MaxBytes,
            Segments = 0xffff,
        };
        return to.TryPut(limits) ? System.Math.Max(MessageQueues.Table.HighestIndex, 0) : Errno.EFAULT;
    }
}
