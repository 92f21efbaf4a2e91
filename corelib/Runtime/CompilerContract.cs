// What the native compiler looks up by name and refuses to run without. A freestanding image has no heap, no casts
// between classes and no exceptions, so each of these is either a panic or never called.

namespace System.Runtime
{
    internal static class TypeCast
    {
        private static object Fail()
        {
            Environment.FailFast();
            return null!;
        }

        internal static unsafe object CheckCastAny(MethodTable* type, object value) => Fail();
        internal static unsafe object CheckCastClass(MethodTable* type, object value) => Fail();
        internal static unsafe object CheckCastClassSpecial(MethodTable* type, object value) => Fail();
        internal static unsafe object CheckCastInterface(MethodTable* type, object value) => Fail();
        internal static unsafe object IsInstanceOfAny(MethodTable* type, object value) => Fail();
        internal static unsafe object IsInstanceOfClass(MethodTable* type, object value) => Fail();
        internal static unsafe object IsInstanceOfInterface(MethodTable* type, object value) => Fail();
        internal static unsafe bool IsInstanceOfException(MethodTable* type, object value) => false;
    }
}

namespace System.Runtime.InteropServices
{
    public interface IDynamicInterfaceCastable
    {
        bool IsInterfaceImplemented(RuntimeTypeHandle interfaceType, bool throwIfNotImplemented);
        RuntimeTypeHandle GetInterfaceImplementation(RuntimeTypeHandle interfaceType);

        internal static unsafe nint GetDynamicInterfaceImplementation(
            IDynamicInterfaceCastable instance, MethodTable* interfaceType, ushort slot)
        {
            Environment.FailFast();
            return 0;
        }
    }
}

namespace Internal.Runtime.CompilerHelpers
{
    using System;
    using System.Diagnostics.CodeAnalysis;

    // Looked up where a span comes from static data; the load itself is replaced, so that no handle is ever made.
    internal static unsafe class LdTokenHelpers
    {
        private static RuntimeTypeHandle GetRuntimeTypeHandle(System.Runtime.MethodTable* type) => default;
        private static RuntimeMethodHandle GetRuntimeMethodHandle(nint signature) => default;
        private static RuntimeFieldHandle GetRuntimeFieldHandle(nint signature) => default;
    }

    internal static class ThrowHelpers
    {
        [DoesNotReturn] internal static void ThrowFeatureBodyRemoved() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowInvalidProgramException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowInvalidProgramExceptionWithArgument() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowTypeLoadException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowTypeLoadExceptionWithArgument() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowMissingMethodException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowMissingFieldException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowFileNotFoundException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowBadImageFormatException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowBodyRemoved() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowUnavailableType() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowIndexOutOfRangeException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowOverflowException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowNullReferenceException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowDivideByZeroException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowPlatformNotSupportedException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowArgumentException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowArgumentOutOfRangeException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowNotImplementedException() => Environment.FailFast();
        [DoesNotReturn] internal static void ThrowNotSupportedException() => Environment.FailFast();
    }
}
