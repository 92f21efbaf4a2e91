using System.Runtime.InteropServices;

namespace System.Runtime.CompilerServices
{
    public static class RuntimeFeature
    {
        public const string PortablePdb = nameof(PortablePdb);
        public const string DefaultImplementationsOfInterfaces = nameof(DefaultImplementationsOfInterfaces);
        public const string UnmanagedSignatureCallingConvention = nameof(UnmanagedSignatureCallingConvention);
        public const string CovariantReturnsOfClasses = nameof(CovariantReturnsOfClasses);
        public const string ByRefFields = nameof(ByRefFields);
        public const string ByRefLikeGenerics = nameof(ByRefLikeGenerics);
        public const string VirtualStaticsInInterfaces = nameof(VirtualStaticsInInterfaces);
        public const string NumericIntPtr = nameof(NumericIntPtr);
    }

    public static unsafe class RuntimeHelpers
    {
        /// <summary>The data of a static initialiser as a span; the compiler replaces the body.</summary>
        [Intrinsic]
        public static ReadOnlySpan<T> CreateSpan<T>(RuntimeFieldHandle fieldHandle) => CreateSpan<T>(fieldHandle);

        [Intrinsic]
        public static bool IsReferenceOrContainsReferences<T>() where T : allows ref struct =>
            IsReferenceOrContainsReferences<T>();

        [Intrinsic]
        public static void InitializeArray(Array array, RuntimeFieldHandle fieldHandle) => Environment.FailFast();

        public static int OffsetToStringData => sizeof(nint) + sizeof(int);
    }
}

namespace System.Runtime.InteropServices
{
    using System.Runtime.CompilerServices;

    public static unsafe class MemoryMarshal
    {
        public static ref T GetReference<T>(Span<T> span) => ref span._reference;
        public static ref T GetReference<T>(ReadOnlySpan<T> span) => ref span._span._reference;

        /// <summary>SAFETY: the caller answers for <paramref name="length"/> elements.</summary>
        public static Span<T> CreateSpan<T>(scoped ref T reference, int length) =>
            new(Unsafe.AsPointer(ref reference), length);

        /// <summary>SAFETY: the caller answers for <paramref name="length"/> elements.</summary>
        public static ReadOnlySpan<T> CreateReadOnlySpan<T>(scoped ref readonly T reference, int length) =>
            new(Unsafe.AsPointer(ref Unsafe.AsRef(in reference)), length);

        /// <summary>The span up to the terminating zero of a C string.</summary>
        public static ReadOnlySpan<byte> CreateReadOnlySpanFromNullTerminated(byte* value)
        {
            int length = 0;
            while (value != null && value[length] != 0)
                length++;
            return new ReadOnlySpan<byte>(value, length);
        }

        public static Span<byte> AsBytes<T>(Span<T> span) where T : struct =>
            new(ref Unsafe.As<T, byte>(ref span._reference), span.Length * Unsafe.SizeOf<T>());

        public static ReadOnlySpan<byte> AsBytes<T>(ReadOnlySpan<T> span) where T : struct => AsBytes(span._span);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Span<TTo> Cast<TFrom, TTo>(Span<TFrom> span) where TFrom : struct where TTo : struct =>
            new(
                ref Unsafe.As<TFrom, TTo>(ref span._reference),
                (int)((long)span.Length * Unsafe.SizeOf<TFrom>() / Unsafe.SizeOf<TTo>()));

        public static ReadOnlySpan<TTo> Cast<TFrom, TTo>(ReadOnlySpan<TFrom> span)
            where TFrom : struct
            where TTo : struct =>
            Cast<TFrom, TTo>(span._span);

        public static ref T AsRef<T>(Span<byte> span) where T : struct
        {
            if (Unsafe.SizeOf<T>() > span.Length)
                Environment.FailFast();
            return ref Unsafe.As<byte, T>(ref span._reference);
        }

        public static ref readonly T AsRef<T>(ReadOnlySpan<byte> span) where T : struct => ref AsRef<T>(span._span);

        public static T Read<T>(ReadOnlySpan<byte> source) where T : struct
        {
            if (Unsafe.SizeOf<T>() > source.Length)
                Environment.FailFast();
            return Unsafe.ReadUnaligned<T>(ref source._span._reference);
        }

        public static void Write<T>(Span<byte> destination, in T value) where T : struct
        {
            if (Unsafe.SizeOf<T>() > destination.Length)
                Environment.FailFast();
            Unsafe.WriteUnaligned(ref destination._reference, value);
        }
    }
}
