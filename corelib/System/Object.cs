#pragma warning disable CS0169, CS0649

using System.Runtime;

namespace System;

/// <summary>
/// The root of the class hierarchy. Only frozen objects (string literals) exist in a freestanding image.
/// </summary>
public unsafe class Object
{
    // First field of every object by the runtime's contract: its method table.
    internal MethodTable* m_pMethodTable;
}
