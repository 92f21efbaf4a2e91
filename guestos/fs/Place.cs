namespace Guestos;

/// <summary>
/// A file and the mount by which it was reached: the same directory may be reached by several (mount(2), MS_BIND), and
/// what lies above its root depends on which.
/// </summary>
public unsafe struct Place
{
    public Inode* Inode;

    /// <summary>Null for what is in no tree.</summary>
    public Mount* Mount;

    public Place(Inode* inode, Mount* mount)
    {
        Inode = inode;
        Mount = mount;
    }

    /// <summary>The topmost directory of its mount.</summary>
    public readonly bool IsMountRoot => Mount != null && Inode == Mount->Root;

    public readonly bool Is(in Place other) => Inode == other.Inode && Mount == other.Mount;

    /// <summary>The mount has this flag (<see cref="Mounts"/>).</summary>
    public readonly bool Has(uint flag) => Mount != null && (Mount->Flags & flag) != 0;

    /// <summary>Neither its file system nor its mount may be written to.</summary>
    public readonly bool IsReadOnly => Has(Mounts.ReadOnlyFlag) || Mounts.IsReadOnly(Inode->Volume);

    /// <summary>Takes one reference to each, which <see cref="Drop"/> gives up.</summary>
    public readonly Place Hold()
    {
        if (Inode != null)
            Vfs.Hold(Inode);
        Mounts.Hold(Mount);
        return this;
    }

    public void Drop()
    {
        Vfs.Release(Inode);
        Mounts.Release(Mount);
        this = default;
    }
}
