using System.Runtime.CompilerServices;

namespace System;

/// <summary>A <see cref="Span{T}"/> that is only read: the checks are the span's own.</summary>
public readonly ref struct ReadOnlySpan<T>
{
    internal readonly Span<T> _span;

    internal ReadOnlySpan(Span<T> span) => _span = span;

    /// <summary>
    /// SAFETY: the caller answers for <paramref name="length"/> elements at <paramref name="pointer"/>.
    /// </summary>
    public unsafe ReadOnlySpan(void* pointer, int length) => _span = new Span<T>(pointer, length);

    public ReadOnlySpan(ref readonly T reference) => _span = new Span<T>(ref Unsafe.AsRef(in reference));

    // The C# compiler binds UTF-8 literals and constant data to these two and then emits the pointer form instead.
    public ReadOnlySpan(T[] array) => Environment.FailFast();

    public ReadOnlySpan(T[] array, int start, int length) => Environment.FailFast();

    public int Length => _span.Length;
    public bool IsEmpty => _span.IsEmpty;
    public static ReadOnlySpan<T> Empty => default;

    public ref readonly T this[int index] => ref _span[index];

    public ReadOnlySpan<T> Slice(int start) => _span.Slice(start);

    public ReadOnlySpan<T> Slice(int start, int length) => _span.Slice(start, length);

    public void CopyTo(Span<T> destination) => _span.CopyTo(destination);

    public bool TryCopyTo(Span<T> destination) => _span.TryCopyTo(destination);

    public ref readonly T GetPinnableReference() => ref _span._reference;

    public Enumerator GetEnumerator() => new(this);

    public static bool operator ==(ReadOnlySpan<T> left, ReadOnlySpan<T> right) => left._span == right._span;

    public static bool operator !=(ReadOnlySpan<T> left, ReadOnlySpan<T> right) => !(left == right);

    public ref struct Enumerator
    {
        private readonly ReadOnlySpan<T> _span;
        private int _index;

        internal Enumerator(ReadOnlySpan<T> span)
        {
            _span = span;
            _index = -1;
        }

        public bool MoveNext()

        {

            _index++;

            return _index < _span.Length;

        }
        public ref readonly T Current => ref _span[_index];
    }
}
