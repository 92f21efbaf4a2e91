using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Domain.Devices;

/// <summary>An array that never moves, for what the kernel is given addresses of.</summary>
internal sealed unsafe class PinnedArray<T>(int count) where T : unmanaged
{
    private readonly T[] elements = GC.AllocateArray<T>(count, pinned: true);

    // SAFETY: pinned, and alive for as long as this object, which its device keeps.
    public T* Start => (T*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(elements));
}
