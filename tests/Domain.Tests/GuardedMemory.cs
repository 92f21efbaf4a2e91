using System;
using System.Runtime.InteropServices;
using Domain.Linux;
using Xunit;

namespace Domain.Tests;

/// <summary>Guest RAM whose neighbourhood is watched: a mark on both sides that must stay as it is, and no memory at all beyond.</summary>
internal sealed unsafe class GuardedMemory : IDisposable
{
    // A device that leaves RAM does so by a length or an index of 16 bits; what goes farther meets no memory and ends the process.
    private const int MarkBytes = 1 << 20;
    private const ulong NothingBytes = 1UL << 32;

    /// <summary>The byte pattern of the mark, which no other code writes by chance.</summary>
    public const ulong Mark = 0xe7_5c_91_d3_2f_8a_46_bb;

    private readonly byte* mapping;
    private readonly ulong length;

    public readonly GuestMemory Ram;

    public GuardedMemory(ulong bytes)
    {
        length = 2 * (NothingBytes + MarkBytes) + bytes;
        mapping = (byte*)Libc.mmap(null, (nuint)length, Libc.PROT_NONE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE, -1, 0);
        Assert.True(mapping != Libc.MAP_FAILED);
        Assert.Equal(0, Libc.mprotect(mapping + NothingBytes, (nuint)(bytes + 2 * MarkBytes), Libc.PROT_READ | Libc.PROT_WRITE));
        Ram = new GuestMemory(mapping + NothingBytes + MarkBytes, bytes);
        Before.Fill(Mark);
        After.Fill(Mark);
    }

    private Span<ulong> Before => new(Ram.Base - MarkBytes, MarkBytes / 8);

    private Span<ulong> After => new(Ram.Base + Ram.Size, MarkBytes / 8);

    /// <summary>The physical address where the nearest byte of the mark was changed, or null.</summary>
    public long? Damage
    {
        get
        {
            if (After.IndexOfAnyExcept(Mark) is >= 0 and int behind)
                return (long)Ram.Size + behind * 8L;
            return Before.LastIndexOfAnyExcept(Mark) is >= 0 and int before ? before * 8L - MarkBytes : null;
        }
    }

    /// <summary>Whether any byte of the range lies in RAM, the mark or the inaccessible pages around them.</summary>
    public bool Surrounds(void* start, ulong bytes) => (byte*)start + bytes > mapping && (byte*)start < mapping + length;

    public void Dispose() => Assert.Equal(0, munmap(mapping, (nuint)length));

    [DllImport("libc")]
    private static extern int munmap(void* address, nuint length);
}
