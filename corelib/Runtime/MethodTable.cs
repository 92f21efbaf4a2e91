#pragma warning disable CS0169, CS0649

namespace System.Runtime;

/// <summary>The compiler describes a type by it; nothing here reads it.</summary>
internal struct MethodTable;
