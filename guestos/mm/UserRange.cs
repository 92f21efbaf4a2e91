using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// Bytes of the current process's memory: inside [0, <see cref="AddressSpace.End"/>), never wrapping, maybe empty. Only
/// <see cref="TryMake"/> makes one, so this is the only place where a number out of a register becomes a pointer.
/// Whether the bytes may be read or written is found out each time: what <see cref="TryBegin"/> has made present stays
/// present until the process sleeps or gives way.
/// </summary>
public readonly unsafe partial struct UserRange
{
    private readonly ulong start;

    private UserRange(ulong start, ulong length)
    {
        this.start = start;
        Length = length;
    }

    public ulong Length { get; }

    /// <summary>False, EFAULT, for what wraps or leaves user space.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryMake(ulong start, ulong length, out UserRange range)
    {
        bool valid = start <= AddressSpace.End && length <= AddressSpace.End - start;
        range = valid ? new UserRange(start, length) : default;
        return valid;
    }

    /// <summary>Without its first bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public UserRange From(ulong count)
    {
        count = Math.Min(count, Length);
        return new UserRange(start + count, Length - count);
    }

    /// <summary>The first bytes of it, <paramref name="most"/> at most.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public UserRange To(ulong most) => new(start, Math.Min(most, Length));

    /// <summary>
    /// Makes all of it readable or writable: faults are resolved (demand zero, file contents, copy on write), and
    /// where no memory is left a process is killed, which need not be this one. False: EFAULT.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryBegin(Access access, out byte* first)
    {
        // SAFETY: the range lies in user space, and whoever is told true may touch it in this way.
        first = (byte*)start;
        return Length == 0 || MakePresent(start, start + Length, access);
    }

    /// <summary>How many bytes can be made readable or writable, from the first on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Begin(Access access, out byte* first)
    {
        return TryBegin(access, out first) ? Length : BeginSome(access);
    }

    private ulong BeginSome(Access access)
    {
        const ulong pageSize = 4096;
        ulong usable = 0;
        while (usable < Length)
        {
            ulong at = start + usable;
            ulong step = Math.Min(Length - usable, pageSize - at % pageSize);
            if (!MakePresent(at, at + step, access))
                break;
            usable += step;
        }
        return usable;
    }

    /// <summary>Copies all of it. False: EFAULT, and nothing is read.</summary>
    public bool TryRead(Span<byte> to)
    {
        if (Length != (ulong)to.Length || !TryBegin(Access.Read, out byte* first))
            return false;
        // SAFETY: the whole range was made readable just now.
        new ReadOnlySpan<byte>(first, to.Length).CopyTo(to);
        return true;
    }

    /// <summary>Fills all of it. False: EFAULT, and nothing is written.</summary>
    public bool TryWrite(ReadOnlySpan<byte> from)
    {
        if (Length != (ulong)from.Length || !TryBegin(Access.Write, out byte* first))
            return false;
        // SAFETY: the whole range was made writable just now.
        from.CopyTo(new Span<byte>(first, from.Length));
        return true;
    }
}
