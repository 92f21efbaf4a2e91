// Vectors of 128 bits. The compiler knows the types by name and puts an instruction in place of each call.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

#pragma warning disable CS0169 // fields that only the compiler's own code touches

namespace System.Runtime.Intrinsics;

[Intrinsic]
[StructLayout(LayoutKind.Sequential, Size = 16)]
public readonly struct Vector128<T>
{
    private readonly ulong _00;
    private readonly ulong _01;

    [Intrinsic] public static Vector128<T> operator +(Vector128<T> left, Vector128<T> right) => left + right;
    [Intrinsic] public static Vector128<T> operator ^(Vector128<T> left, Vector128<T> right) => left ^ right;
    [Intrinsic] public static Vector128<T> operator |(Vector128<T> left, Vector128<T> right) => left | right;
    [Intrinsic] public static Vector128<T> operator <<(Vector128<T> value, int count) => value << count;
    [Intrinsic] public static Vector128<T> operator >>>(Vector128<T> value, int count) => value >>> count;
}

[Intrinsic]
public static class Vector128
{
    [Intrinsic] public static Vector128<uint> Create(uint e0, uint e1, uint e2, uint e3) => Create(e0, e1, e2, e3);
    [Intrinsic]
    public static Vector128<byte> Create(byte e0, byte e1, byte e2, byte e3, byte e4, byte e5, byte e6, byte e7,
        byte e8, byte e9, byte e10, byte e11, byte e12, byte e13, byte e14, byte e15) =>
        Create(e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15);
    [Intrinsic] public static Vector128<byte> AsByte<T>(this Vector128<T> vector) => vector.AsByte();
    [Intrinsic] public static Vector128<uint> AsUInt32<T>(this Vector128<T> vector) => vector.AsUInt32();
    [Intrinsic]
    public static Vector128<byte> Shuffle(Vector128<byte> vector, Vector128<byte> indices) => Shuffle(vector, indices);
    [Intrinsic]
    public static Vector128<uint> Shuffle(Vector128<uint> vector, Vector128<uint> indices) => Shuffle(vector, indices);
}
