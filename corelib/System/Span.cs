using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace System;

/// <summary>
/// A bounds-checked window over memory: an index outside it ends the program (<see cref="Environment.FailFast"/>).
/// </summary>
/// <param name="reference">
/// SAFETY: the caller answers for <paramref name="length"/> elements, none or more, from this one on.
/// </param>
public readonly ref struct Span<T>(ref T reference, int length)
{
    internal readonly ref T _reference = ref reference;
    private readonly int _length = length;

    /// <summary>
    /// SAFETY: the caller answers for <paramref name="length"/> elements, none or more, at <paramref name="pointer"/>.
    /// </summary>
    public unsafe Span(void* pointer, int length) : this(ref Unsafe.AsRef<T>(pointer), length) { }

    public Span(ref T reference) : this(ref reference, 1) { }

    public int Length => _length;
    public bool IsEmpty => _length == 0;
    public static Span<T> Empty => default;

    /// <summary>
    /// The compiler puts a checked access in its place, or an unchecked one where it can prove the index.
    /// </summary>
    public extern ref T this[int index]
    {
        [Intrinsic]
        [MethodImpl(MethodImplOptions.InternalCall)]
        get;
    }

    public Span<T> Slice(int start) => Slice(start, _length - start);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<T> Slice(int start, int length)
    {
        if ((ulong)(uint)start + (uint)length > (uint)_length)
            Environment.FailFast();
        return new Span<T>(ref Unsafe.Add(ref _reference, (nint)(uint)start), length);
    }

    public void CopyTo(Span<T> destination)
    {
        if ((uint)_length > (uint)destination._length)
            Environment.FailFast();
        SpanHelpers.Memmove(
            ref Unsafe.As<T, byte>(ref destination._reference),
            ref Unsafe.As<T, byte>(ref _reference),
            (nuint)(uint)_length * (nuint)Unsafe.SizeOf<T>());
    }

    public bool TryCopyTo(Span<T> destination)
    {
        if ((uint)_length > (uint)destination._length)
            return false;
        CopyTo(destination);
        return true;
    }

    public void Clear() =>
        SpanHelpers.Fill(ref Unsafe.As<T, byte>(ref _reference), 0, (nuint)(uint)_length * (nuint)Unsafe.SizeOf<T>());

    public void Fill(T value)
    {
        if (Unsafe.SizeOf<T>() == 1)
        {
            SpanHelpers.Fill(
                ref Unsafe.As<T, byte>(ref _reference), Unsafe.As<T, byte>(ref value), (nuint)(uint)_length);
            return;
        }
        for (int i = 0; i < _length; i++)
            Unsafe.Add(ref _reference, i) = value;
    }

    public ref T GetPinnableReference() => ref _reference;

    public Enumerator GetEnumerator() => new(this);

    public static implicit operator ReadOnlySpan<T>(Span<T> span) => new(span);

    public static bool operator ==(Span<T> left, Span<T> right) =>
        left._length == right._length && Unsafe.AreSame(ref left._reference, ref right._reference);

    public static bool operator !=(Span<T> left, Span<T> right) => !(left == right);

    public ref struct Enumerator
    {
        private readonly Span<T> _span;
        private int _index;

        internal Enumerator(Span<T> span)
        {
            _span = span;
            _index = -1;
        }

        public bool MoveNext()

        {

            _index++;

            return _index < _span.Length;

        }
        public ref T Current => ref _span[_index];
    }
}
