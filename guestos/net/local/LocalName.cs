using System;

namespace Guestos;

/// <summary>An address of AF_UNIX as a call gives it (unix(7), "Address format").</summary>
internal unsafe struct LocalAddress
{
    /// <summary>sun_path with a zero behind it.</summary>
    public const int MaxPath = 109;

    /// <summary>Bytes of it, a path's zero among them.</summary>
    public int Length;
    public fixed byte Path[MaxPath];

    /// <summary>Of the abstract namespace, whose names begin with a zero.</summary>
    public readonly bool IsAbstract => Path[0] == 0;
}

/// <summary>
/// The name of a local socket: a file, or one of the abstract namespace. Connections that came in by it have it, too;
/// it leads to its owner only, and as long as that is open.
/// </summary>
internal unsafe struct LocalName
{
    public int References;
    public LocalAddress Address;

    /// <summary>Its owner; null when that has been closed.</summary>
    public LocalSocket* Owner;

    /// <summary>Of a path: the file, referenced while there is an owner.</summary>
    public Inode* Inode;

    /// <summary>Neighbours among those of one hash.</summary>
    public LocalName* Next;
    public LocalName* Previous;
    public uint Hash;

    public static LocalName* Hold(LocalName* name)
    {
        if (name != null)
            name->References++;
        return name;
    }

    /// <summary>Null is nothing.</summary>
    public static void Release(LocalName* name)
    {
        if (name == null)
            return;
        name->References--;
        if (name->References == 0)
            Objects.Free(name);
    }
}

/// <summary>Names that lead to a socket.</summary>
internal static unsafe class LocalNames
{
    private const int Buckets = 256;

    private struct Table
    {
        public fixed ulong First[Buckets];
    }

    private static Table s_table;

    /// <summary>The next name of <see cref="BindToAny"/>.</summary>
    private static uint s_next;

    /// <summary>bind(2): EINVAL, EADDRINUSE, ENOMEM, and what the path says.</summary>
    public static long Bind(LocalSocket* socket, ref LocalAddress address)
    {
        if (address.IsAbstract)
            return BindAbstract(socket, address);
        long error = Walk(ref address, out Walked walked);
        Inode* inode = null;
        if (error == 0)
            error = Names.Make(ref walked, InodeType.SOCK, 0x1ff & ~Process.Current->Umask, out inode);
        if (error < 0)
        {
            walked.Drop();
            return error == Errno.EEXIST ? Errno.EADDRINUSE : error;
        }

        // A walk may have slept, and another thread have bound it meanwhile.
        LocalName* name = socket->Name == null ? Objects.Allocate<LocalName>() : null;
        if (name == null)
        {
            Directories.Remove(Directories.Find(walked.Parent, walked.Name, walked.NameLength));
            Vfs.Release(inode);
            walked.Drop();
            return socket->Name != null ? Errno.EINVAL : Errno.ENOMEM;
        }

        walked.Drop();
        name->Address = address;
        name->Inode = inode;
        Add(socket, name, HashOf(inode));
        return 0;
    }

    private static long BindAbstract(LocalSocket* socket, in LocalAddress address)
    {
        if (socket->Name != null)
            return Errno.EINVAL;
        if (FindAbstract(address, socket->Kind) != null)
            return Errno.EADDRINUSE;
        LocalName* name = Objects.Allocate<LocalName>();
        if (name == null)
            return Errno.ENOMEM;
        name->Address = address;
        Add(socket, name, HashOf(address));
        return 0;
    }

    /// <summary>
    /// Gives the socket a free abstract name of five digits, unless it has one (unix(7), "Autobind").
    /// </summary>
    public static long BindToAny(LocalSocket* socket)
    {
        const uint maxNames = 1 << 20;
        const int digits = 5;
        if (socket->Name != null)
            return 0;
        LocalAddress address = default;
        address.Length = 1 + digits;
        for (uint attempt = 0; attempt < maxNames; attempt++)
        {
            s_next = (s_next + 1) % maxNames;
            for (int i = 0; i < digits; i++)
            {
                uint digit = s_next >> 4 * (digits - 1 - i) & 15;
                address.Path[1 + i] = (byte)(digit < 10 ? '0' + digit : 'a' + digit - 10);
            }

            if (FindAbstract(address, socket->Kind) == null)
                return BindAbstract(socket, address);
            Preemption.Point();
            if (socket->Name != null)
                return 0;
        }

        return Errno.ENOSPC;
    }

    /// <summary>
    /// The socket of a name, referenced. ECONNREFUSED: there is none; EPROTOTYPE: it is of another kind; and what the
    /// path says.
    /// </summary>
    public static long Find(ref LocalAddress address, LocalKind kind, out LocalSocket* found)
    {
        LocalName* name = null;
        found = null;
        if (address.IsAbstract)
            name = FindAbstract(address, kind);
        else
        {
            long error = FindPath(ref address, out name);
            if (error < 0)
                return error;
        }

        if (name == null)
            return Errno.ECONNREFUSED;
        if (name->Owner->Kind != kind)
            return Errno.EPROTOTYPE;
        found = name->Owner;
        found->References++;
        return 0;
    }

    private static long FindPath(ref LocalAddress address, out LocalName* name)
    {
        name = null;
        long error = Walk(ref address, out Walked walked, WalkOptions.Follow);
        if (error == 0 && walked.Inode == null)
            error = Errno.ENOENT;
        if (error == 0)
            error = FileRights.Check(walked.Inode, FileRights.Write);
        if (error == 0)
            name = FindInode(walked.Inode);
        walked.Drop();
        return error;
    }

    private static long Walk(ref LocalAddress address, out Walked walked, WalkOptions options = WalkOptions.None)
    {
        byte* path = stackalloc byte[LocalAddress.MaxPath + 1];
        for (int i = 0; i < LocalAddress.MaxPath; i++)
            path[i] = i < address.Length ? address.Path[i] : (byte)0;
        path[LocalAddress.MaxPath] = 0;
        return PathWalk.Walk(Vfs.CurrentDirectory, path, options, out walked);
    }

    private static LocalName* FindInode(Inode* inode)
    {
        for (LocalName* name = *BucketOf(HashOf(inode)); name != null; name = name->Next)
            if (name->Inode == inode)
                return name;
        return null;
    }

    /// <summary>Sockets of different kinds may have the same abstract name.</summary>
    private static LocalName* FindAbstract(in LocalAddress address, LocalKind kind)
    {
        uint hash = HashOf(address);
        for (LocalName* name = *BucketOf(hash); name != null; name = name->Next)
            if (name->Inode == null && name->Hash == hash && name->Owner->Kind == kind
                && TextOf(name->Address).SequenceEqual(TextOf(address)))
                return name;
        return null;
    }

    private static ReadOnlySpan<byte> TextOf(in LocalAddress address)
    {
        // SAFETY: the bytes live as long as the address, which callers have in an object or on their stack.
        fixed (byte* path = address.Path)
            return new ReadOnlySpan<byte>(path, address.Length);
    }

    private static void Add(LocalSocket* socket, LocalName* name, uint hash)
    {
        name->References = 1;
        name->Owner = socket;
        name->Hash = hash;
        LocalName** bucket = BucketOf(hash);
        name->Next = *bucket;
        if (*bucket != null)
            (*bucket)->Previous = name;
        *bucket = name;
        socket->Name = name;
    }

    /// <summary>The socket is being closed: nobody finds it any more.</summary>
    public static void Remove(LocalSocket* socket)
    {
        LocalName* name = socket->Name;
        if (name == null || name->Owner != socket)
            return;
        if (name->Previous != null)
            name->Previous->Next = name->Next;
        else
            *BucketOf(name->Hash) = name->Next;
        if (name->Next != null)
            name->Next->Previous = name->Previous;
        Vfs.Release(name->Inode);
        name->Inode = null;
        name->Owner = null;
    }

    // SAFETY: the table is a static of the image, which does not move.
    private static LocalName** BucketOf(uint hash)
    {
        fixed (ulong* first = s_table.First)
            return (LocalName**)(first + hash % Buckets);
    }

    private static uint HashOf(Inode* inode) => (uint)inode->Number * 0x9e3779b1 >> 16;

    private static uint HashOf(in LocalAddress address)
    {
        uint hash = 2166136261;
        foreach (byte letter in TextOf(address))
            hash = (hash ^ letter) * 16777619;
        return hash;
    }
}
