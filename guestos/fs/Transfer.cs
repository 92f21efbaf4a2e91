using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// The memory of one read or write: what is still to be filled or taken, of the process's or of the kernel's own. User
/// memory is made present just before each piece is touched, because whoever sleeps in between may find it unmapped or
/// shared again.
/// </summary>
public unsafe struct Transfer
{
    private UserRange user;

    /// <summary>Kernel memory, which is always present; null: the user's.</summary>
    private byte* kernel;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Transfer Of(UserRange range) => new() { user = range, Count = range.Length };

    public static Transfer Of(byte* memory, ulong count) => new() { kernel = memory, Count = count };

    public ulong Count { get; private set; }

    /// <summary>
    /// The next bytes for the kernel to fill, as many of <paramref name="most"/> as can be written, from the first on.
    /// None: EFAULT.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Span<byte> Fill(ulong most) => new(Next(most, Access.Write, out ulong count), (int)count);

    /// <summary>
    /// The next bytes for the kernel to take, as many of <paramref name="most"/> as can be read, from the first on.
    /// None: EFAULT.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly ReadOnlySpan<byte> Take(ulong most) => new(Next(most, Access.Read, out ulong count), (int)count);

    /// <summary>
    /// The same for all of <paramref name="count"/> bytes. False, EFAULT, when one of them cannot be written.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool TryFill(ulong count, out Span<byte> bytes)
    {
        bool present = TryNext(count, Access.Write, out byte* first);
        bytes = new Span<byte>(first, present ? (int)count : 0);
        return present;
    }

    /// <summary>
    /// The same for all of <paramref name="count"/> bytes. False, EFAULT, when one of them cannot be read.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool TryTake(ulong count, out ReadOnlySpan<byte> bytes)
    {
        bool present = TryNext(count, Access.Read, out byte* first);
        bytes = new ReadOnlySpan<byte>(first, present ? (int)count : 0);
        return present;
    }

    /// <summary>Passes over what has been filled or taken.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(ulong count)
    {
        if (kernel != null)
            kernel += count;
        else
            user = user.From(count);
        Count -= count;
    }

    /// <summary>Leaves out what is beyond so many bytes.</summary>
    public void Limit(ulong most) => Count = Math.Min(Count, most);

    // Pieces are of int.MaxValue bytes at most, as spans are.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly byte* Next(ulong most, Access access, out ulong count)
    {
        count = Math.Min(Math.Min(most, Count), int.MaxValue);
        if (kernel != null)
            return kernel;
        count = user.To(count).Begin(access, out byte* first);
        return first;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool TryNext(ulong count, Access access, out byte* first)
    {
        first = kernel;
        return count <= Count && count <= int.MaxValue
            && (kernel != null || user.To(count).TryBegin(access, out first));
    }
}
