namespace Guestos;

/// <summary>PROT_ bits of mmap (include/uapi/asm-generic/mman-common.h).</summary>
public static class Protection
{
    public const uint None = 0, Read = 1, Write = 2, Execute = 4;
}

/// <summary>A run of pages of one address space with one meaning.</summary>
public unsafe struct Area
{
    /// <summary>Page-aligned, end exclusive.</summary>
    public ulong Start, End;

    /// <summary><see cref="Guestos.Protection"/> bits.</summary>
    public uint Protection;

    /// <summary>Forked processes see each other's writes. Its pages are present from the beginning.</summary>
    public bool Shared;

    /// <summary>The stack: grows downwards by itself.</summary>
    public bool GrowsDown;

    /// <summary>
    /// mlock(2). Nothing is ever taken from memory here: it counts against RLIMIT_MEMLOCK, and pages came when it was
    /// locked.
    /// </summary>
    public bool Locked;

    /// <summary>The area of brk.</summary>
    public bool Heap;

    /// <summary>Where pages come from at first touch; null for zeros. Referenced.</summary>
    public MemoryObject* File;

    /// <summary>File offset of <see cref="Start"/>.</summary>
    public ulong Offset;

    /// <summary>User address up to which bytes come from the file; zeros follow (the .bss of a program).</summary>
    public ulong FileEnd;

    /// <summary>Ascending by address.</summary>
    public Area* Next, Previous;

    /// <summary>In the tree by address (<see cref="AreaTree"/>).</summary>
    internal Area* Left, Right;
    internal uint Priority;
}
