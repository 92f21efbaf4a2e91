// The types that the C# compiler and the native compiler know by name. Their layout is the runtime's:
// a primitive is a struct around itself.

#pragma warning disable CS0169, CS0649 // fields that only the compiler's own code touches

namespace System;

public struct Void;
public struct Boolean;
public struct Char
{
    public const char MinValue = '\0';
    public const char MaxValue = '\uffff';
}
public struct SByte
{
    public const sbyte MinValue = -128;
    public const sbyte MaxValue = 127;
}
public struct Byte
{
    public const byte MinValue = 0;
    public const byte MaxValue = 255;
}
public struct Int16
{
    public const short MinValue = -32768;
    public const short MaxValue = 32767;
}
public struct UInt16
{
    public const ushort MinValue = 0;
    public const ushort MaxValue = 65535;
}
public struct Int32
{
    public const int MinValue = unchecked((int)0x80000000);
    public const int MaxValue = 0x7fffffff;
}
public struct UInt32
{
    public const uint MinValue = 0;
    public const uint MaxValue = 0xffffffff;
}
public struct Int64
{
    public const long MinValue = unchecked((long)0x8000000000000000);
    public const long MaxValue = 0x7fffffffffffffff;
}
public struct UInt64
{
    public const ulong MinValue = 0;
    public const ulong MaxValue = 0xffffffffffffffff;
}
public struct Single;
public struct Double;

public struct IntPtr
{
    public static nint Zero => 0;
}
public struct UIntPtr
{
    public static nuint Zero => 0;
}

public abstract class ValueType;
public abstract class Enum : ValueType;
public abstract class Attribute;

public struct Nullable<T> where T : struct
{
    private readonly bool _hasValue;
    private readonly T _value;

    public Nullable(T value)
    {
        _value = value;
        _hasValue = true;
    }

    public readonly bool HasValue => _hasValue;
    public readonly T Value => _value;
    public readonly T GetValueOrDefault() => _value;

    public static implicit operator Nullable<T>(T value) => new Nullable<T>(value);
}

// Named by the compilers in places that a freestanding image never reaches: there is no heap to put one on.
public abstract class Delegate;
public abstract class MulticastDelegate : Delegate;
public class Exception;
public abstract class Type;
public struct RuntimeTypeHandle
{
    private nint _value;
}
public struct RuntimeMethodHandle
{
    private nint _value;
}
public struct RuntimeFieldHandle
{
    private nint _value;
}

public interface IDisposable
{
    void Dispose();
}
