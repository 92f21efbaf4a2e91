using System;

namespace Guestos;

/// <summary>
/// What may not be done to a file any more (F_ADD_SEALS of fcntl(2)): bits without their F_SEAL_
/// (include/uapi/linux/fcntl.h). Only files of memfd_create(2) with MFD_ALLOW_SEALING take any; of the others it is
/// sealed that they have none.
/// </summary>
public static unsafe class Seals
{
    public const uint Seal = 1;
    public const uint Shrink = 2;
    public const uint Grow = 4;
    public const uint Write = 8;
    public const uint FutureWrite = 16;

    private const uint Known = Seal | Shrink | Grow | Write | FutureWrite;
    private const ulong PageSize = 4096;

    /// <summary>
    /// EPERM: not open for writing, or sealed against it. EBUSY: to be sealed against writing while it is mapped and
    /// shared, for reading alone, too. EINVAL.
    /// </summary>
    public static long Add(File* file, uint wanted)
    {
        if (!RegularFile.Is(file) || (wanted & ~Known) != 0)
            return Errno.EINVAL;
        Inode* inode = file->Inode;
        if (!file->MayWrite || !inode->IsSealable || (inode->Seals & Seal) != 0)
            return Errno.EPERM;
        bool becomesReadOnly = (wanted & Write) != 0 && (inode->Seals & Write) == 0;
        if (becomesReadOnly && inode->Object.SharedMappings > 0)
            return Errno.EBUSY;
        inode->Seals |= (byte)wanted;
        return 0;
    }

    public static long Get(File* file)
    {
        if (!RegularFile.Is(file))
            return Errno.EINVAL;
        return file->Inode->IsSealable ? file->Inode->Seals : Seal;
    }

    /// <summary>Nothing may be written to it, nor may it be mapped so that something could.</summary>
    public static bool ForbidWriting(Inode* inode) => (inode->Seals & (Write | FutureWrite)) != 0;

    /// <summary>It may not get this size.</summary>
    public static bool ForbidSize(Inode* inode, ulong size) =>
        size < inode->Size && (inode->Seals & Shrink) != 0 || size > inode->Size && (inode->Seals & Grow) != 0;

    /// <summary>
    /// How many of the bytes may be written from an offset on: where it may not grow, those of pages that lie in it as
    /// a whole, unless all of them lie in it. None: EPERM.
    /// </summary>
    public static ulong Allow(Inode* inode, ulong offset, ulong count)
    {
        if ((inode->Seals & Grow) == 0 || offset + count <= inode->Size)
            return count;
        ulong whole = inode->Size & ~(PageSize - 1);
        return whole - Math.Min(whole, offset);
    }
}
