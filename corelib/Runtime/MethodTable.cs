#pragma warning disable CS0169, CS0649

namespace System.Runtime;

/// <summary>Described by the compiler, looked into by nobody here.</summary>
internal struct MethodTable;
