namespace Guestos;

/// <summary>struct sockaddr_in (ip(7)): family, port and address in network order, 16 bytes.</summary>
internal static unsafe class SocketAddress
{
    public const int Size = 16;
    public const ushort Inet = 2;

    /// <summary>0, or -EFAULT, -EINVAL, -EAFNOSUPPORT.</summary>
    public static long Read(ulong from, ulong length, out uint address, out ushort port)
    {
        address = 0;
        port = 0;
        if (length < Size)
            return Errno.Invalid;
        if (!UserMemory.Readable(from, Size))
            return Errno.Fault;
        // SAFETY: made readable above.
        byte* at = (byte*)from;
        ushort family = *(ushort*)at;
        if (family != Inet && family != 0)
            return Errno.AddressFamilyNotSupported;
        port = (ushort)(at[2] << 8 | at[3]);
        address = (uint)(at[4] << 24 | at[5] << 16 | at[6] << 8 | at[7]);
        return 0;
    }

    /// <summary>SAFETY: the caller made 16 bytes writable.</summary>
    public static void Write(byte* to, uint address, ushort port)
    {
        *(ulong*)to = 0;
        *(ulong*)(to + 8) = 0;
        *(ushort*)to = Inet;
        to[2] = (byte)(port >> 8);
        to[3] = (byte)port;
        to[4] = (byte)(address >> 24);
        to[5] = (byte)(address >> 16);
        to[6] = (byte)(address >> 8);
        to[7] = (byte)address;
    }

    /// <summary>An answer by value-result length (getsockname and relatives): cut to what fits, the true length told.</summary>
    public static long Answer(ulong to, ulong lengthAt, uint address, ushort port)
    {
        if (to == 0 || lengthAt == 0)
            return 0;
        if (!UserMemory.Writable(lengthAt, 4))
            return Errno.Fault;
        // SAFETY: made writable above, and below for the copy.
        uint room = *(uint*)lengthAt;
        uint count = room < Size ? room : Size;
        if (!UserMemory.Writable(to, count))
            return Errno.Fault;
        byte* whole = stackalloc byte[Size];
        Write(whole, address, port);
        System.Buffer.MemoryCopy(whole, (void*)to, count, count);
        *(uint*)lengthAt = Size;
        return 0;
    }
}
