using System;
using System.Runtime.CompilerServices;

namespace Domain.Devices;

/// <summary>
/// Guest RAM as a device sees it: every address is checked, and every write is made known to the processor.
/// </summary>
public sealed unsafe class DmaMemory(GuestMemory memory, Action<ulong, ulong> written)
{
    /// <summary>
    /// The host address of [<paramref name="physical"/>, +<paramref name="length"/>), or null when any byte of it is
    /// not RAM.
    /// </summary>
    // SAFETY of all uses: RAM is never unmapped, so a checked pointer stays valid for as long as the process lives.
    public byte* Translate(ulong physical, ulong length) =>
        memory.Contains(physical, length) ? memory.Base + physical : null;

    /// <summary>Whether all of [<paramref name="physical"/>, +<paramref name="length"/>) is RAM.</summary>
    public bool Contains(ulong physical, ulong length) => memory.Contains(physical, length);

    /// <summary>Reads from an address that the device has found to be RAM before.</summary>
    /// <exception cref="InvalidOperationException">it is not: the monitor is wrong, and ends</exception>
    // SAFETY: the range is checked here, whatever the device has found.
    public T Read<T>(ulong physical) where T : unmanaged =>
        Unsafe.ReadUnaligned<T>(Checked(physical, (ulong)sizeof(T)));

    /// <summary>Writes to an address that the device has found to be RAM before.</summary>
    /// <exception cref="InvalidOperationException">it is not: the monitor is wrong, and ends</exception>
    public void Write<T>(ulong physical, T value) where T : unmanaged
    {
        // SAFETY: as above.
        Unsafe.WriteUnaligned(Checked(physical, (ulong)sizeof(T)), value);
        Written(physical, (ulong)sizeof(T));
    }

    /// <summary>
    /// A device wrote [<paramref name="physical"/>, +<paramref name="length"/>): code decoded from there is stale.
    /// </summary>
    public void Written(ulong physical, ulong length) => written(physical, length);

    /// <summary>The same, for a pointer that <see cref="Translate"/> gave.</summary>
    public void Written(void* host, ulong length) => written((ulong)((byte*)host - memory.Base), length);

    private byte* Checked(ulong physical, ulong length)
    {
        byte* at = Translate(physical, length);
        return at != null ? at : throw new InvalidOperationException($"a device leaves RAM at {physical:x}");
    }
}
