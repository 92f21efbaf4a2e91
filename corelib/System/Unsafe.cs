// The compiler puts the operation in place of each call of what is declared below.

namespace System.Runtime.CompilerServices;

public static unsafe class Unsafe
{
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ref T AsRef<T>(void* source) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ref T AsRef<T>(scoped ref readonly T source) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ref TTo As<TFrom, TTo>(ref TFrom source)
        where TFrom : allows ref struct
        where TTo : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void* AsPointer<T>(ref readonly T value) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern int SizeOf<T>() where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ref T Add<T>(ref T source, int elementOffset) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ref T Add<T>(ref T source, nint elementOffset) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ref T Add<T>(ref T source, nuint elementOffset) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern bool AreSame<T>(ref readonly T left, ref readonly T right) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern T ReadUnaligned<T>(ref readonly byte source) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern T ReadUnaligned<T>(void* source) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void WriteUnaligned<T>(ref byte destination, T value) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void WriteUnaligned<T>(void* destination, T value) where T : allows ref struct;
    [Intrinsic, MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void SkipInit<T>(out T value) where T : allows ref struct;

    public static void CopyBlock(void* destination, void* source, uint byteCount) =>
        SpanHelpers.Memmove(ref *(byte*)destination, ref *(byte*)source, byteCount);
    public static void InitBlock(void* startAddress, byte value, uint byteCount) =>
        SpanHelpers.Fill(ref *(byte*)startAddress, value, byteCount);
}
