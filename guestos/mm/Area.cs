using System;

namespace Guestos;

/// <summary>Protection of mmap(2), without its PROT_ (include/uapi/asm-generic/mman-common.h).</summary>
public static class Protection
{
    public const uint NONE = 0;
    public const uint READ = 1;
    public const uint WRITE = 2;
    public const uint EXEC = 4;

    /// <summary>All of them.</summary>
    public const uint Any = READ | WRITE | EXEC;
}

/// <summary>What an area is besides its protection.</summary>
[Flags]
public enum AreaFlags : byte
{
    None = 0,

    /// <summary>
    /// MAP_SHARED. Of a file: the pages are the file's own. Without one: forked processes see each other's writes; all
    /// pages are present from the beginning.
    /// </summary>
    Shared = 1,

    /// <summary>A stack: a fault below it moves its start down (MAP_GROWSDOWN).</summary>
    GrowsDown = 2,

    /// <summary>
    /// mlock(2): counts against RLIMIT_MEMLOCK. Nothing is ever swapped out, and pages came when it was locked.
    /// </summary>
    Locked = 4,

    /// <summary>The area of brk(2).</summary>
    Heap = 8,

    /// <summary>
    /// A shared file that was not opened for writing: no protection may allow it (mprotect(2), EACCES).
    /// </summary>
    NeverWritable = 16,

    /// <summary>MADV_WIPEONFORK: a child has zeros there (madvise(2)).</summary>
    WipedOnFork = 32,

    /// <summary>MADV_DONTFORK: a child does not have it.</summary>
    NotForked = 64,

    /// <summary>MAP_NORESERVE: may be larger than memory (mmap(2)).</summary>
    NoReserve = 128,
}

/// <summary>
/// A run of pages of one address space with one meaning. Written by <see cref="AddressSpace"/> only, which keeps sums
/// over all of them.
/// </summary>
public unsafe struct Area
{
    /// <summary>Address of the first page.</summary>
    public ulong Start;

    /// <summary>Page-aligned, exclusive.</summary>
    public ulong End;

    /// <summary><see cref="Guestos.Protection"/> bits.</summary>
    public uint Protection;

    public AreaFlags Flags;

    public readonly bool Shared => (Flags & AreaFlags.Shared) != 0;

    /// <summary>Its pages are the file's own, for writing too.</summary>
    public readonly bool SharesFile => Shared && File != null;

    public readonly bool NeverWritable => (Flags & AreaFlags.NeverWritable) != 0;

    public readonly bool GrowsDown => (Flags & AreaFlags.GrowsDown) != 0;

    public readonly bool Locked => (Flags & AreaFlags.Locked) != 0;

    /// <summary>Whether it may be so many pages long whatever memory there is (overcommit-accounting).</summary>
    public readonly bool MayExceedMemory(ulong pages) =>
        pages <= Frames.Total || (Flags & AreaFlags.NoReserve) != 0 || SharesFile
        || !Shared && (Protection & Guestos.Protection.WRITE) == 0;

    public readonly bool Heap => (Flags & AreaFlags.Heap) != 0;

    public readonly ulong Pages => (End - Start) / Frames.Size;

    /// <summary>True for pages that RLIMIT_DATA counts (setrlimit(2)).</summary>
    public readonly bool IsData => !GrowsDown && AddressSpace.IsData(Protection, Shared);

    /// <summary>Where pages come from at first touch; null for zeros. Referenced.</summary>
    public MemoryObject* File;

    /// <summary>File offset of <see cref="Start"/>.</summary>
    public ulong Offset;

    /// <summary>User address up to which bytes come from the file; zeros follow (the .bss of a program).</summary>
    public ulong FileEnd;

    /// <summary>Neighbours in the list of areas, ascending by address.</summary>
    public Area* Next;
    public Area* Previous;

    /// <summary>Children in the tree of areas (<see cref="AreaTree"/>), which alone uses these three.</summary>
    internal Area* Left;
    internal Area* Right;
    internal uint Priority;
}
