namespace Wire;

/// <summary>
/// How firmware, loader and guest share a machine's memory: guest-physical addresses (docs/architecture.md,
/// "Guest-physical memory"). The linker scripts of <c>board/boot</c> hold the same numbers.
/// </summary>
public static class GuestPhysical
{
    /// <summary>The loader: its image, stack and tables, up to <see cref="LoaderEnd"/>.</summary>
    public const ulong Loader = 0x300000;

    public const ulong LoaderEnd = 0x400000;

    /// <summary>
    /// The guest's memory, up to the end of RAM. What lies below belongs to the machine and is in no checkpoint.
    /// </summary>
    public const ulong Guest = LoaderEnd;
}
