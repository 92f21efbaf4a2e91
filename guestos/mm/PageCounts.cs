namespace Guestos;

/// <summary>What pages of an address space take (proc(5), /proc/PID/smaps), by their page-table entries.</summary>
public struct PageCounts
{
    /// <summary>Shares are counted in bytes divided by this.</summary>
    public const ulong ShareUnit = 4096;

    /// <summary>Pages that are mapped, without the page of zeros.</summary>
    public ulong Resident;

    /// <summary>Of those, pages that nobody has written to and that others map too; and so on.</summary>
    public ulong SharedClean;
    public ulong SharedDirty;
    public ulong PrivateClean;
    public ulong PrivateDirty;

    /// <summary>Pages that are no file's, and of private areas.</summary>
    public ulong Anonymous;

    /// <summary>Of each page the part that falls to one of those who map it (Pss).</summary>
    public ulong Share;

    /// <summary>The same of pages that were written to, of anonymous ones, of files', of locked ones.</summary>
    public ulong ShareDirty;
    public ulong ShareAnonymous;
    public ulong ShareFile;
    public ulong Locked;

    /// <summary>The sum of both.</summary>
    public void Add(in PageCounts other)
    {
        Resident += other.Resident;
        SharedClean += other.SharedClean;
        SharedDirty += other.SharedDirty;
        PrivateClean += other.PrivateClean;
        PrivateDirty += other.PrivateDirty;
        Anonymous += other.Anonymous;
        Share += other.Share;
        ShareDirty += other.ShareDirty;
        ShareAnonymous += other.ShareAnonymous;
        ShareFile += other.ShareFile;
        Locked += other.Locked;
    }
}
