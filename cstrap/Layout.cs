namespace Cstrap;

/// <summary>
/// What cstrap uses of guest-physical memory beside its image and <see cref="Wire.GuestPhysical"/>. Identity mapped.
/// </summary>
internal static class Layout
{
    /// <summary>
    /// The network device's rings and buffers lie in low memory, where the monitor's start-of-day structures were:
    /// those are copied into the window first.
    /// </summary>
    public const ulong DeviceMemory = 0x10000;

    public const ulong DeviceMemoryEnd = 0x9f000;

    /// <summary>
    /// Bytes below the stack pointer, the firmware's or a loader's, in which serving clients may leave keys. Each stack
    /// has 32 KiB.
    /// </summary>
    public const ulong StackResidue = 24 * 1024;
}
