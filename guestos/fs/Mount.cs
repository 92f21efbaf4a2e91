namespace Guestos;

/// <summary>
/// A tree, or a part of one, at a place in another. It lives while it is mounted, and while processes, open files,
/// walks or other mounts are in it (<see cref="References"/>).
/// </summary>
public unsafe struct Mount
{
    public const int TextCapacity = 64;

    /// <summary>One for the place in the tree that it has, and one for each that is in it.</summary>
    public int References;

    /// <summary>From 1; never given twice.</summary>
    public ulong Id;

    /// <summary>All that have a place in the tree, in the order in which they were mounted.</summary>
    public Mount* Next;

    /// <summary>
    /// The directory (or file) under it, and that one's mount; null without a place, and of the first.
    /// </summary>
    public Inode* Point;
    public Mount* Parent;

    /// <summary>The next mount over the same inode, which may have another parent.</summary>
    public Mount* NextHere;

    /// <summary>What is seen there.</summary>
    public Inode* Root;

    /// <summary>mount(2) flags (<see cref="Mounts"/>).</summary>
    public uint Flags;

    /// <summary>It shows what another mount shows, too (MS_BIND); flags are its own.</summary>
    public bool IsBind;

    /// <summary>Marked by umount2(MNT_EXPIRE), and no path has led into it since.</summary>
    public bool IsExpiring;

    /// <summary>While trees are copied: the copy.</summary>
    internal Mount* Copy;

    public fixed byte Source[TextCapacity];
    public fixed byte Type[TextCapacity];
}
