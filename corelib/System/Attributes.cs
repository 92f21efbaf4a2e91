// Attributes that the compilers look for by name.

using System.Runtime.CompilerServices;

namespace System
{
    public enum AttributeTargets
    {
        Assembly = 1,
        Module = 2,
        Class = 4,
        Struct = 8,
        Enum = 16,
        Constructor = 32,
        Method = 64,
        Property = 128,
        Field = 256,
        Event = 512,
        Interface = 1024,
        Parameter = 2048,
        Delegate = 4096,
        ReturnValue = 8192,
        GenericParameter = 16384,
        All = 32767,
    }

    public sealed class AttributeUsageAttribute(AttributeTargets validOn) : Attribute
    {
        public AttributeTargets ValidOn { get; } = validOn;
        public bool AllowMultiple { get; set; }
        public bool Inherited { get; set; }
    }

    public sealed class ParamArrayAttribute : Attribute;
    public sealed class FlagsAttribute : Attribute;
    public sealed class ObsoleteAttribute(string? message = null, bool error = false) : Attribute
    {
        public string? Message { get; } = message;
        public bool IsError { get; } = error;
    }
    public sealed class ThreadStaticAttribute : Attribute;
    public sealed class CLSCompliantAttribute(bool isCompliant) : Attribute
    {
        public bool IsCompliant { get; } = isCompliant;
    }
}

namespace System.Diagnostics
{
    public sealed class ConditionalAttribute(string conditionString) : Attribute
    {
        public string ConditionString { get; } = conditionString;
    }

    public sealed class DebuggerDisplayAttribute(string? value) : Attribute
    {
        public string? Value { get; } = value;
    }
}

namespace System.Diagnostics.CodeAnalysis
{
    public sealed class DoesNotReturnAttribute : Attribute;
    public sealed class UnscopedRefAttribute : Attribute;
    public sealed class NotNullAttribute : Attribute;
    public sealed class MaybeNullAttribute : Attribute;
    public sealed class NotNullWhenAttribute(bool returnValue) : Attribute
    {
        public bool ReturnValue { get; } = returnValue;
    }
    public sealed class ExcludeFromCodeCoverageAttribute : Attribute;
    public sealed class SetsRequiredMembersAttribute : Attribute;
    public sealed class SuppressMessageAttribute(string category, string checkId) : Attribute
    {
        public string Category { get; } = category;
        public string CheckId { get; } = checkId;
        public string? Justification { get; set; }
    }
}

namespace System.Reflection
{
    public sealed class DefaultMemberAttribute(string memberName) : Attribute
    {
        public string MemberName { get; } = memberName;
    }
}

namespace System.ComponentModel
{
    public enum EditorBrowsableState
    {
        Always,
        Never,
        Advanced,
    }

    public sealed class EditorBrowsableAttribute(EditorBrowsableState state) : Attribute
    {
        public EditorBrowsableState State { get; } = state;
    }
}

namespace System.Runtime
{
    /// <summary>An entry point under its plain symbol name, without a transition.</summary>
    public sealed class RuntimeExportAttribute(string entry) : Attribute
    {
        public string EntryPoint { get; } = entry;
    }

    /// <summary>With <see cref="MethodImplOptions.InternalCall"/>: a bare call to the symbol.</summary>
    public sealed class RuntimeImportAttribute : Attribute
    {
        public RuntimeImportAttribute(string entry) => EntryPoint = entry;

        public RuntimeImportAttribute(string dllName, string entry)
        {
            EntryPoint = entry;
            DllName = dllName;
        }

        public string EntryPoint { get; }
        public string? DllName { get; }
    }
}

namespace System.Runtime.CompilerServices
{
    public enum MethodImplOptions
    {
        Unmanaged = 4,
        NoInlining = 8,
        ForwardRef = 16,
        Synchronized = 32,
        NoOptimization = 64,
        PreserveSig = 128,
        AggressiveInlining = 256,
        AggressiveOptimization = 512,
        InternalCall = 4096,
    }

    public sealed class MethodImplAttribute(MethodImplOptions options) : Attribute
    {
        public MethodImplOptions Value { get; } = options;
    }

    public sealed class IntrinsicAttribute : Attribute;
    public sealed class IsReadOnlyAttribute : Attribute;
    public sealed class IsByRefLikeAttribute : Attribute;
    public sealed class IsUnmanagedAttribute : Attribute;
    public sealed class IsVolatile;
    public sealed class IsExternalInit;
    public sealed class SkipLocalsInitAttribute : Attribute;
    public sealed class RequiredMemberAttribute : Attribute;
    public sealed class ScopedRefAttribute : Attribute;
    public sealed class RefSafetyRulesAttribute(int version) : Attribute
    {
        public int Version { get; } = version;
    }
    public sealed class CompilerGeneratedAttribute : Attribute;
    public sealed class ExtensionAttribute : Attribute;
    public sealed class UnsafeValueTypeAttribute : Attribute;
    public sealed class FixedBufferAttribute(Type elementType, int length) : Attribute
    {
        public Type ElementType { get; } = elementType;
        public int Length { get; } = length;
    }
    public sealed class InlineArrayAttribute(int length) : Attribute
    {
        public int Length { get; } = length;
    }
    public sealed class CompilerFeatureRequiredAttribute(string featureName) : Attribute
    {
        public string FeatureName { get; } = featureName;
        public bool IsOptional { get; init; }
    }
    public sealed class InternalsVisibleToAttribute(string assemblyName) : Attribute
    {
        public string AssemblyName { get; } = assemblyName;
    }
    public sealed class CallerArgumentExpressionAttribute(string parameterName) : Attribute
    {
        public string ParameterName { get; } = parameterName;
    }
    public sealed class CallerLineNumberAttribute : Attribute;
    public sealed class CallerFilePathAttribute : Attribute;
    public sealed class CallerMemberNameAttribute : Attribute;
    public sealed class ModuleInitializerAttribute : Attribute;
    public sealed class CompilationRelaxationsAttribute(int relaxations) : Attribute
    {
        public int CompilationRelaxations { get; } = relaxations;
    }
    public sealed class RuntimeCompatibilityAttribute : Attribute
    {
        public bool WrapNonExceptionThrows { get; set; }
    }
    public class CallConvCdecl;
    public class CallConvSuppressGCTransition;
    public class CallConvMemberFunction;
}

namespace System.Runtime.InteropServices
{
    public enum LayoutKind
    {
        Sequential = 0,
        Explicit = 2,
        Auto = 3,
    }

    public enum CharSet
    {
        None = 1,
        Ansi = 2,
        Unicode = 3,
        Auto = 4,
    }

    public enum UnmanagedType
    {
        Bool = 2,
    }

    public sealed class StructLayoutAttribute(LayoutKind layoutKind) : Attribute
    {
        public LayoutKind Value { get; } = layoutKind;
        public int Pack;
        public int Size;
        public CharSet CharSet;
    }

    public sealed class FieldOffsetAttribute(int offset) : Attribute
    {
        public int Value { get; } = offset;
    }

    public sealed class InAttribute : Attribute;
    public sealed class OutAttribute : Attribute;

    public sealed class UnmanagedCallersOnlyAttribute : Attribute
    {
        public Type[]? CallConvs;
        public string? EntryPoint;
    }
}
