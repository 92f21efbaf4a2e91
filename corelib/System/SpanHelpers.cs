using System.Runtime;
using System.Runtime.CompilerServices;

namespace System;

/// <summary>Block moves. The compiler calls these by name for struct copies too large to inline.</summary>
internal static unsafe class SpanHelpers
{
    // SAFETY (all): the caller vouches for the ranges; the assembler routines touch exactly `length` bytes of each.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Memmove(ref byte destination, ref byte source, nuint length) =>
        memmove((byte*)Unsafe.AsPointer(ref destination), (byte*)Unsafe.AsPointer(ref source), length);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Fill(ref byte destination, nuint length, byte value) =>
        memset((byte*)Unsafe.AsPointer(ref destination), value, length);

    internal static void Fill(ref byte destination, byte value, nuint length) => Fill(ref destination, length, value);

    internal static void ClearWithoutReferences(ref byte destination, nuint length) => Fill(ref destination, length, 0);

    [RuntimeImport("*", "memmove")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern void memmove(byte* destination, byte* source, nuint length);

    [RuntimeImport("*", "memset")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern void memset(byte* destination, int value, nuint length);
}

/// <summary>Named by the compiler for arrays of references, of which there are none.</summary>
public static unsafe class Buffer
{
    internal static void BulkMoveWithWriteBarrier(ref byte destination, ref byte source, nuint length) =>
        SpanHelpers.Memmove(ref destination, ref source, length);

    /// <summary>Copies bytes; the ranges may overlap. A size over the destination's ends the program.</summary>
    public static void MemoryCopy(void* source, void* destination, ulong destinationSizeInBytes, ulong sourceBytesToCopy)
    {
        if (sourceBytesToCopy > destinationSizeInBytes)
            Environment.FailFast();
        SpanHelpers.Memmove(ref *(byte*)destination, ref *(byte*)source, (nuint)sourceBytesToCopy);
    }

    public static void MemoryCopy(void* source, void* destination, long destinationSizeInBytes, long sourceBytesToCopy) =>
        MemoryCopy(source, destination, (ulong)destinationSizeInBytes, (ulong)sourceBytesToCopy);
}
