using System;
using System.Runtime.CompilerServices;
using Domain.Linux;

namespace Domain;

/// <summary>
/// The guest's RAM: guest-physical addresses 0 to <see cref="Size"/> in one private anonymous mapping.
/// </summary>
/// <remarks>
/// Pages cost host memory only once the guest touches them. The mapping is never moved or unmapped while the machine
/// lives, so <see cref="Base"/> may be cached.
/// </remarks>
public sealed unsafe class GuestMemory
{
    /// <summary>Largest RAM a machine may have: device windows begin at 3 GiB.</summary>
    public const ulong MaxBytes = 0xC000_0000;

    /// <summary>A page frame.</summary>
    public const ulong PageBytes = 4096;

    /// <summary>Host address of guest-physical address 0.</summary>
    public readonly byte* Base;

    /// <summary>Bytes of RAM; a multiple of the page size.</summary>
    public readonly ulong Size;

    /// <summary>
    /// Inaccessible address space on both sides of RAM: an access by a wrong address ends the monitor.
    /// </summary>
    private const ulong GuardBytes = 16 << 20;

    /// <summary>RAM that the caller has mapped, and never unmaps.</summary>
    internal GuestMemory(byte* @base, ulong size)
    {
        Base = @base;
        Size = size;
    }

    /// <summary>
    /// Maps zeroed RAM of <paramref name="bytes"/> (rounded up to whole pages, at most <see cref="MaxBytes"/>)
    /// between two guards.
    /// </summary>
    /// <exception cref="OutOfMemoryException">the host does not give that much address space</exception>
    public static GuestMemory Allocate(ulong bytes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, MaxBytes);
        bytes = (bytes + PageBytes - 1) & ~(PageBytes - 1);
        // SAFETY: a fresh anonymous mapping that nobody else knows; failure is checked before use.
        byte* at = (byte*)Libc.mmap(null, (nuint)(GuardBytes + bytes + GuardBytes), Libc.PROT_NONE,
            Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE, -1, 0);
        if (at == Libc.MAP_FAILED
            || Libc.mprotect(at + GuardBytes, (nuint)bytes, Libc.PROT_READ | Libc.PROT_WRITE) != 0)
            throw new OutOfMemoryException();
        return new GuestMemory(at + GuardBytes, bytes);
    }

    /// <summary>
    /// Whether all of [<paramref name="physical"/>, +<paramref name="length"/>) is RAM. Never overflows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(ulong physical, ulong length) => physical <= Size && length <= Size - physical;

    /// <summary>RAM as a span; empty when any byte of it is not RAM.</summary>
    public Span<byte> Slice(ulong physical, int length)
    {
        if (length < 0 || !Contains(physical, (ulong)length))
            return default;
        // SAFETY: the range was just checked to lie inside the mapping, which lives as long as the process.
        return new Span<byte>(Base + physical, length);
    }
}
