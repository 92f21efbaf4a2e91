#pragma warning disable CS0169, CS0649

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace System;

/// <summary>
/// A string literal: frozen UTF-16 data in the image. Prefer UTF-8 literals (<c>"…"u8</c>), which are spans.
/// </summary>
public sealed class String
{
    private readonly int _length;
    private readonly char _firstChar;

    public int Length => _length;

    public char this[int index]
    {
        [Intrinsic]
        get
        {
            if ((uint)index >= (uint)_length)
                Environment.FailFast();
            return Unsafe.Add(ref Unsafe.AsRef(in _firstChar), index);
        }
    }

    public static implicit operator ReadOnlySpan<char>(string value) =>
        MemoryMarshal.CreateReadOnlySpan(ref Unsafe.AsRef(in value._firstChar), value._length);
}
