namespace Guestos;

/// <summary>One control message of a message after the other (cmsg(3)), as they lie in user memory.</summary>
internal unsafe struct ControlReader
{
    /// <summary>net.core.optmem_max.</summary>
    private const ulong MaxLength = 131072;

    private readonly ulong start;
    private readonly ulong length;
    private ulong at;

    public ControlReader(in MessageHeader message)
    {
        this = default;
        start = message.Control;
        length = message.ControlLength;
    }

    /// <summary>
    /// 1 and the next one, with the address of what it holds; 0 behind the last; or EFAULT, EINVAL, ENOBUFS.
    /// </summary>
    public long Next(out ControlMessages.Header header, out ulong data)
    {
        header = default;
        data = 0;
        if (length > MaxLength)
            return Errno.ENOBUFS;
        if (length - at < (ulong)sizeof(ControlMessages.Header))
            return 0;
        if (!((UserPointer<ControlMessages.Header>)(start + at)).TryGet(out header))
            return Errno.EFAULT;
        if (header.Length < (ulong)sizeof(ControlMessages.Header) || header.Length > length - at)
            return Errno.EINVAL;
        data = start + at + (ulong)sizeof(ControlMessages.Header);
        at = System.Math.Min(at + ControlMessages.Align(header.Length), length);
        return 1;
    }
}
