using System;

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

    /// <summary>Of an array of them; an address that wraps is found out when it is used.</summary>
    public UserPointer<T> At(ulong index) => new(Address + index * (ulong)sizeof(T));

    /// <summary>False: EFAULT.</summary>
    public bool TryGet(out T value)
    {
        if (!UserRange.TryMake(Address, (ulong)sizeof(T), out UserRange range) || !range.TryBegin(Access.Read, out byte* first))
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
        if (!UserRange.TryMake(Address, (ulong)sizeof(T), out UserRange range) || !range.TryBegin(Access.Write, out byte* first))
            return false;
        // SAFETY: all bytes of it were made writable just now.
        *(T*)first = value;
        return true;
    }

    /// <summary>As <see cref="TryPut"/>, and null is an answer that nobody asked for.</summary>
    public bool TryPutIfAsked(in T value) => IsNull || TryPut(in value);

    /// <summary>Loads so many of them, one behind the other; of none the address does not count.</summary>
    public bool TryGetAll(Span<T> values) =>
        values.IsEmpty || UserRange.TryMake(Address, (ulong)values.Length * (ulong)sizeof(T), out UserRange range)
        && range.TryRead(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values));

    /// <summary>
    /// Stores so many of them, one behind the other; false: none. Of none the address does not count.
    /// </summary>
    public bool TryPutAll(ReadOnlySpan<T> values) =>
        values.IsEmpty || UserRange.TryMake(Address, (ulong)values.Length * (ulong)sizeof(T), out UserRange range)
        && range.TryWrite(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values));
}
