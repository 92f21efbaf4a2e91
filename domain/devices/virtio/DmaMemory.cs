using System;

namespace Domain.Devices;

/// <summary>Guest RAM as a device sees it: every address is checked, and every write is made known to the processor.</summary>
public sealed unsafe class DmaMemory(GuestMemory memory, Action<ulong, ulong> written)
{
    /// <summary>The host address of [<paramref name="physical"/>, +<paramref name="length"/>), or null when any byte of it is not RAM.</summary>
    // SAFETY of all uses: RAM is never unmapped, so a checked pointer stays valid for as long as the process lives.
    public byte* Translate(ulong physical, ulong length) => memory.Contains(physical, length) ? memory.Base + physical : null;

    /// <summary>A device wrote [<paramref name="physical"/>, +<paramref name="length"/>): code decoded from there is stale.</summary>
    public void Written(ulong physical, ulong length) => written(physical, length);

    /// <summary>The same, for a pointer that <see cref="Translate"/> gave.</summary>
    public void Written(void* host, ulong length) => written((ulong)((byte*)host - memory.Base), length);
}
