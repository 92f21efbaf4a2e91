namespace Guestos;

/// <summary>A register's value that is meant as the address of a C string in the current process's memory.</summary>
public readonly unsafe struct UserString
{
    private UserString(ulong address) => Address = address;

    public ulong Address { get; }

    public bool IsNull => Address == 0;

    /// <summary>Null, or the first byte is its end.</summary>
    public bool IsNullOrEmpty => IsNull || ((UserPointer<byte>)Address).TryGet(out byte first) && first == 0;

    public static implicit operator UserString(ulong register) => new(register);

    /// <summary>
    /// Copies it with its zero. Returns its length without the zero, -EFAULT, or -ENAMETOOLONG when it does not fit.
    /// </summary>
    public long CopyTo(byte* to, int capacity)
    {
        int length = 0;
        while (true)
        {
            // When the first byte can be read, so can all up to the end of its page.
            ulong run = Frames.Size - (Address + (ulong)length & (Frames.Size - 1));
            if (!UserRange.TryMake(Address + (ulong)length, 1, out UserRange start)
                || !start.TryBegin(Access.Read, out byte* first))
                return Errno.EFAULT;
            for (ulong i = 0; i < run; i++, length++)
            {
                if (length == capacity)
                    return Errno.ENAMETOOLONG;
                // SAFETY: in the page that was made readable just now.
                to[length] = first[i];
                if (first[i] == 0)
                    return length;
            }
        }
    }
}
