namespace Guestos;

/// <summary>struct iovec, as it lies in user memory.</summary>
public struct UserVector
{
    public ulong Address;
    public ulong Length;

    /// <summary>The bytes that a vector means. 0, or -EFAULT, -EINVAL.</summary>
    public static long Get(UserPointer<UserVector> at, out UserRange range)
    {
        range = default;
        if (!at.TryGet(out UserVector vector))
            return Errno.EFAULT;
        if ((long)vector.Length < 0)
            return Errno.EINVAL;
        return UserRange.TryMake(vector.Address, vector.Length, out range) ? 0 : Errno.EFAULT;
    }
}
