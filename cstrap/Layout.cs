namespace Cstrap;

/// <summary>What cstrap uses of guest-physical memory (docs/architecture.md, "Guest-physical memory"). Identity mapped.</summary>
internal static class Layout
{
    /// <summary>
    /// The network device's rings and buffers lie in low memory, where the monitor's start-of-day structures were: those are
    /// copied into the window first.
    /// </summary>
    public const ulong DeviceMemory = 0x10000, DeviceMemoryEnd = 0x9f000;

    public const ulong LoaderWindow = 0x300000, LoaderWindowEnd = 0x400000;

    /// <summary>How far down the stack, the firmware's or a loader's, what serves clients leaves keys behind. Each has 32 KiB.</summary>
    public const ulong StackResidue = 24 * 1024;
}
