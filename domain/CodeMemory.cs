using System;
using Domain.Linux;

namespace Domain;

/// <summary>
/// Memory for translated code, and for the state that it addresses absolutely; all of it below 2 GiB, so that an
/// address is a 32-bit displacement.
/// </summary>
/// <remarks>
/// The code is memory that is mapped twice: what executes cannot be written, what is written does not execute.
/// Everything is mapped here and now, before the sandbox forbids executable mappings, and stays as long as the process.
/// It takes no file, so that a node need not permit one: <c>launcher</c> permits a shared mapping with these flags only.
/// </remarks>
public sealed unsafe class CodeMemory
{
    /// <summary>Translated code that is kept before all of it is dropped.</summary>
    public const int DefaultBytes = 16 << 20;

    private const int SYS_mremap = 25, MREMAP_MAYMOVE = 1;
    private const nuint PageSize = 4096;

    /// <summary>More than a frame of a signal, which may be what is written first behind the end of a stack.</summary>
    private const nuint GuardBytes = 64 << 10;

    private readonly byte* data;
    private readonly nuint dataBytes;
    private nuint dataUsed;

    /// <summary>The code as it is executed.</summary>
    public byte* Executable { get; }

    /// <summary>The code as it is written.</summary>
    public byte* Writable { get; }

    /// <summary>Bytes of code.</summary>
    public int Size { get; }

    private CodeMemory(byte* executable, byte* writable, int size, byte* data, nuint dataBytes)
    {
        Executable = executable;
        Writable = writable;
        Size = size;
        this.data = data;
        this.dataBytes = dataBytes;
    }

    /// <summary>Maps room for <paramref name="size"/> bytes of code, a multiple of the page size.</summary>
    /// <exception cref="PlatformNotSupportedException">the host refuses, and says why</exception>
    public static CodeMemory Allocate(int size)
    {
        // TLBs, recent targets and the rest of the state take 1,360 KiB; there are two stacks.
        const nuint stateBytes = (1408 << 10) + 2 * (GuardBytes + ReturnStack.Bytes + PageSize);
        // SAFETY: fresh mappings that nobody else knows; failure is checked before use.
        byte* executable = Map((nuint)size, Libc.MAP_SHARED);
        // A shared mapping of which no bytes are moved is mapped a second time (mremap(2)).
        nint writable = Libc.syscall(SYS_mremap, (nint)executable, 0, size, MREMAP_MAYMOVE, 0, 0);
        if (writable == -1 || Libc.mprotect(executable, (nuint)size, Libc.PROT_READ | Libc.PROT_EXEC) != 0)
            throw Refused();
        byte* data = Map(stateBytes, Libc.MAP_PRIVATE);
        return new CodeMemory(executable, (byte*)writable, size, data, stateBytes);
    }

    /// <summary>Zeroed memory below 2 GiB.</summary>
    internal void* AllocateData(nuint bytes)
    {
        nuint at = dataUsed;
        dataUsed += (bytes + 63) & ~(nuint)63;
        if (dataUsed > dataBytes)
            throw new InvalidOperationException("the translator's state does not fit");
        return data + at;
    }

    /// <summary>
    /// The same for what grows downwards: below it lies memory that cannot be touched. Only before the sandbox is closed.
    /// </summary>
    /// <param name="bytes">a multiple of the page size</param>
    internal void* AllocateStack(nuint bytes)
    {
        dataUsed = (dataUsed + PageSize - 1) & ~(PageSize - 1);
        // SAFETY: AllocateData has found the room; the mapping begins at a page, so the guard does, too.
        byte* guard = (byte*)AllocateData(GuardBytes + bytes);
        if (Libc.mprotect(guard, GuardBytes, Libc.PROT_NONE) != 0)
            throw Refused();
        return guard + GuardBytes;
    }

    private static byte* Map(nuint bytes, int sharing)
    {
        void* at = Libc.mmap(null, bytes, Libc.PROT_READ | Libc.PROT_WRITE,
            sharing | Libc.MAP_ANONYMOUS | Libc.MAP_32BIT, -1, 0);
        if (at == Libc.MAP_FAILED)
            throw Refused();
        if ((ulong)at + bytes > 1UL << 31)
            throw new PlatformNotSupportedException("no address space below 2 GiB");
        return (byte*)at;
    }

    private static PlatformNotSupportedException Refused() => new(LinuxError.Describe(Libc.Errno));
}
