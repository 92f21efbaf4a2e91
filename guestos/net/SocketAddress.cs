using System;
using System.Buffers.Binary;

namespace Guestos;

/// <summary>struct sockaddr_in (ip(7)): family, port and address in network order, 16 bytes.</summary>
internal static class SocketAddress
{
    public const int Size = 16;
    public const ushort Inet = 2;

    /// <summary>0, or -EFAULT, -EINVAL, -EAFNOSUPPORT.</summary>
    public static long Read(UserPointer<byte> from, ulong length, out uint address, out ushort port)
    {
        address = 0;
        port = 0;
        if (length < Size)
            return Errno.EINVAL;
        Span<byte> at = stackalloc byte[Size];
        if (!from.TryGetAll(at))
            return Errno.EFAULT;
        ushort family = BinaryPrimitives.ReadUInt16LittleEndian(at);
        if (family != Inet && family != 0)
            return Errno.EAFNOSUPPORT;
        port = BinaryPrimitives.ReadUInt16BigEndian(at.Slice(2));
        address = BinaryPrimitives.ReadUInt32BigEndian(at.Slice(4));
        return 0;
    }

    /// <param name="to">At least <see cref="Size"/> bytes.</param>
    public static void Write(Span<byte> to, uint address, ushort port)
    {
        to.Slice(0, Size).Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(to, Inet);
        BinaryPrimitives.WriteUInt16BigEndian(to.Slice(2), port);
        BinaryPrimitives.WriteUInt32BigEndian(to.Slice(4), address);
    }

    /// <summary>
    /// An answer by value-result length (getsockname and relatives): cut to what fits, the true length told. 0, or
    /// -EFAULT, -EINVAL.
    /// </summary>
    public static long Answer(UserPointer<byte> to, UserPointer<int> lengthAt, uint address, ushort port)
    {
        if (to.IsNull || lengthAt.IsNull)
            return 0;
        if (!lengthAt.TryGet(out int length))
            return Errno.EFAULT;
        long result = Answer(to, ref length, address, port);
        return result < 0 ? result : lengthAt.Put(length);
    }

    /// <param name="length">What there is room for, then the true length.</param>
    public static long Answer(UserPointer<byte> to, ref int length, uint address, ushort port)
    {
        if (length < 0)
            return Errno.EINVAL;
        Span<byte> whole = stackalloc byte[Size];
        Write(whole, address, port);
        if (!to.TryPutAll(whole.Slice(0, Math.Min(length, Size))))
            return Errno.EFAULT;
        length = Size;
        return 0;
    }
}
