using System;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// A register's value that is meant as the address of a <typeparamref name="T"/> in the current process's memory:
/// nothing but a number until something is copied, and that is checked.
/// </summary>
public readonly unsafe struct UserPointer<T> where T : unmanaged
{
    private UserPointer(ulong address) => Address = address;

    public ulong Address { get; }

    public bool IsNull => Address == 0;

    public static implicit operator UserPointer<T>(ulong register) => new(register);

    /// <summary>That of an element of an array. An address that wraps fails when it is used.</summary>
    public UserPointer<T> At(ulong index) => new(Address + index * (ulong)sizeof(T));

    /// <summary>False: EFAULT.</summary>
    public bool TryGet(out T value)
    {
        if (!TryBegin(Access.Read, out byte* first))
        {
            value = default;
            return false;
        }
        // SAFETY: all bytes of it were made readable just now.
        value = *(T*)first;
        return true;
    }

    /// <summary>False: EFAULT, and nothing is written.</summary>
    public bool TryPut(in T value)
    {
        if (!TryBegin(Access.Write, out byte* first))
            return false;
        // SAFETY: all bytes of it were made writable just now.
        *(T*)first = value;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryBegin(Access access, out byte* first)
    {
        first = null;
        return UserRange.TryMake(Address, (ulong)sizeof(T), out UserRange range) && range.TryBegin(access, out first);
    }

    /// <summary>As <see cref="TryPut"/>. Returns 0 or EFAULT.</summary>
    public long Put(in T value) => TryPut(in value) ? 0 : Errno.EFAULT;

    /// <summary>As <see cref="TryPut"/>; for a null pointer nothing is stored and the result is true.</summary>
    public bool TryPutIfAsked(in T value) => IsNull || TryPut(in value);

    /// <summary>Loads an array. False: EFAULT. An empty one may have any address.</summary>
    public bool TryGetAll(Span<T> values) =>
        values.IsEmpty || UserRange.TryMake(Address, (ulong)values.Length * (ulong)sizeof(T), out UserRange range)
        && range.TryRead(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values));

    /// <summary>Stores an array. False: EFAULT, and nothing is written. An empty one may have any address.</summary>
    public bool TryPutAll(ReadOnlySpan<T> values) =>
        values.IsEmpty || UserRange.TryMake(Address, (ulong)values.Length * (ulong)sizeof(T), out UserRange range)
        && range.TryWrite(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values));
}
