using System;
using Domain.Linux;

namespace Domain;

/// <summary>
/// Memory for translated code, and for the state that it addresses absolutely; all of it below 2 GiB, so that an
/// address is a 32-bit displacement.
/// </summary>
/// <remarks>
/// The code is one memory file that is mapped twice: what executes cannot be written, what is written does not execute.
/// Everything is mapped here and now, before the sandbox forbids executable mappings, and stays as long as the process.
/// </remarks>
public sealed unsafe class CodeMemory
{
    /// <summary>Translated code that is kept before all of it is dropped.</summary>
    public const int DefaultBytes = 16 << 20;

    private const int SYS_ftruncate = 77, SYS_memfd_create = 319;
    private const int MFD_CLOEXEC = 1, MFD_EXEC = 0x10;

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
        const nuint stateBytes = 256 << 10;
        fixed (byte* name = "translated code\0"u8)
        {
            int file = (int)Libc.syscall(SYS_memfd_create, (nint)name, MFD_CLOEXEC | MFD_EXEC, 0, 0, 0, 0);
            // Kernels before 6.3 know no MFD_EXEC, and give it unasked.
            if (file < 0 && Libc.Errno == Libc.EINVAL)
                file = (int)Libc.syscall(SYS_memfd_create, (nint)name, MFD_CLOEXEC, 0, 0, 0, 0);
            if (file < 0)
                throw Refused();
            try
            {
                if (Libc.syscall(SYS_ftruncate, file, size, 0, 0, 0, 0) != 0)
                    throw Refused();
                // SAFETY: fresh mappings that nobody else knows; failure is checked before use.
                byte* executable = Map((nuint)size, Libc.PROT_READ | Libc.PROT_EXEC,
                    Libc.MAP_SHARED | Libc.MAP_32BIT, file);
                byte* writable = Map((nuint)size, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, file);
                byte* data = Map(stateBytes, Libc.PROT_READ | Libc.PROT_WRITE,
                    Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_32BIT, -1);
                return new CodeMemory(executable, writable, size, data, stateBytes);
            }
            finally
            {
                Libc.close(file);
            }
        }
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

    private static byte* Map(nuint bytes, int protection, int flags, int file)
    {
        void* at = Libc.mmap(null, bytes, protection, flags, file, 0);
        if (at == Libc.MAP_FAILED)
            throw Refused();
        if ((flags & Libc.MAP_32BIT) != 0 && (ulong)at + bytes > 1UL << 31)
            throw new PlatformNotSupportedException("no address space below 2 GiB");
        return (byte*)at;
    }

    private static PlatformNotSupportedException Refused() => new(LinuxError.Describe(Libc.Errno));
}
