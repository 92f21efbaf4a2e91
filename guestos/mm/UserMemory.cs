namespace Guestos;

/// <summary>
/// Access to the memory of the current process. A user address is a number everywhere else: what copies between it and the kernel's memory is
/// here, checks the whole range first, and is used at once. After <see cref="Readable"/> or <see cref="Writable"/> said true (those who move
/// large things in pieces, <see cref="Transfer"/>), the kernel may touch those bytes through the user address until it sleeps.
/// </summary>
public static unsafe class UserMemory
{
    /// <summary>User addresses end here (design: [0, 2^45)).</summary>
    public const ulong End = 1UL << 45;

    /// <summary>Resolves faults (demand zero, file contents). False when a byte of it may not be read: -EFAULT. Length 0 is true.</summary>
    public static bool Readable(ulong address, ulong length) => Prepare(address, length, Access.Read);

    /// <summary>Resolves faults (demand zero, copy on write). False when a byte of it may not be written: -EFAULT. Length 0 is true.</summary>
    public static bool Writable(ulong address, ulong length) => Prepare(address, length, Access.Write);

    private static bool Prepare(ulong address, ulong length, Access access)
    {
        if (length == 0)
            return true;
        if (address >= End || length > End - address)
            return false;
        AddressSpace* space = Scheduler.Current->Space;
        ulong page = address & ~(ulong)(Frames.Size - 1);
        for (; page < address + length; page += Frames.Size)
        {
            ulong* entry = PageTable.Find(space->Root, page, false);
            if (entry != null && (*entry & (PageTable.Present | PageTable.User)) == (PageTable.Present | PageTable.User)
                && (access == Access.Read || PageTable.IsWritable(*entry)))
                continue;
            FaultResult result = AddressSpace.Resolve(space, page < address ? address : page, access);
            if (result == FaultResult.NoMemory)
                OutOfMemory.KillCurrent();
            if (result != FaultResult.Resolved)
                return false;
        }
        return true;
    }

    /// <summary>Copies bytes to a user address. False: -EFAULT, and nothing is written.</summary>
    public static bool PutBytes(ulong address, System.ReadOnlySpan<byte> bytes)
    {
        if (!Writable(address, (ulong)bytes.Length))
            return false;
        // SAFETY: the whole range was made writable just now.
        bytes.CopyTo(new System.Span<byte>((void*)address, bytes.Length));
        return true;
    }

    /// <summary>Copies bytes from a user address. False: -EFAULT, and nothing is read.</summary>
    public static bool GetBytes(ulong address, System.Span<byte> bytes)
    {
        if (!Readable(address, (ulong)bytes.Length))
            return false;
        // SAFETY: the whole range was made readable just now.
        new System.ReadOnlySpan<byte>((void*)address, bytes.Length).CopyTo(bytes);
        return true;
    }

    /// <summary>Copies a C string with its zero. Returns its length without the zero, -EFAULT, or -ENAMETOOLONG when it does not fit.</summary>
    public static long CopyString(ulong address, byte* to, int capacity)
    {
        int length = 0;
        while (true)
        {
            if (!Readable(address + (ulong)length, 1))
                return Errno.Fault;
            // Up to the end of this page nothing more can fault.
            int run = Frames.Size - (int)(address + (ulong)length & (Frames.Size - 1));
            for (int i = 0; i < run; i++, length++)
            {
                if (length == capacity)
                    return Errno.NameTooLong;
                byte value = ((byte*)address)[length];
                to[length] = value;
                if (value == 0)
                    return length;
            }
        }
    }

    /// <summary>Stores a structure at a user address. False: -EFAULT.</summary>
    public static bool Put<T>(ulong address, T value) where T : unmanaged
    {
        if (!Writable(address, (ulong)sizeof(T)))
            return false;
        *(T*)address = value;
        return true;
    }

    /// <summary>Loads a structure from a user address. False: -EFAULT.</summary>
    public static bool Get<T>(ulong address, out T value) where T : unmanaged
    {
        value = default;
        if (!Readable(address, (ulong)sizeof(T)))
            return false;
        value = *(T*)address;
        return true;
    }
}
