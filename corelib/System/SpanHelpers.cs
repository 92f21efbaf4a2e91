using System.Runtime;
using System.Runtime.CompilerServices;

namespace System;

/// <summary>Block moves. The compiler calls these by name for struct copies too large to inline.</summary>
internal static class SpanHelpers
{
    // SAFETY (all): the caller vouches for the ranges; the assembler routines touch exactly `length` bytes of each.

    [RuntimeImport("*", "memmove")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void Memmove(ref byte destination, ref byte source, nuint length);

    [RuntimeImport("*", "memset")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void Fill(ref byte destination, byte value, nuint length);

    internal static void ClearWithoutReferences(ref byte destination, nuint length) => Fill(ref destination, 0, length);
}

/// <summary>Named by the compiler for arrays of references, of which there are none.</summary>
public static unsafe class Buffer
{
    internal static void BulkMoveWithWriteBarrier(ref byte destination, ref byte source, nuint length) =>
        SpanHelpers.Memmove(ref destination, ref source, length);

    /// <summary>Copies bytes; the ranges may overlap. A size over the destination's ends the program.</summary>
    public static void MemoryCopy(
        void* source, void* destination, ulong destinationSizeInBytes, ulong sourceBytesToCopy)
    {
        if (sourceBytesToCopy > destinationSizeInBytes)
            Environment.FailFast();
        SpanHelpers.Memmove(ref *(byte*)destination, ref *(byte*)source, (nuint)sourceBytesToCopy);
    }

    public static void MemoryCopy(
        void* source, void* destination, long destinationSizeInBytes, long sourceBytesToCopy) =>
        MemoryCopy(source, destination, (ulong)destinationSizeInBytes, (ulong)sourceBytesToCopy);
}
