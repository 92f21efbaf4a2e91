namespace Guestos;

/// <summary>Page frames of 4 KiB, counted by reference. Addresses are physical.</summary>
public static unsafe partial class Frames
{
    public const int Size = 4096;

    /// <summary>Frames free and in all.</summary>
    public static ulong Free;
    public static ulong Total;

    /// <summary>A zeroed frame with one reference, or 0 when there is none.</summary>
    public static ulong Allocate() => 0;

    /// <summary>As <see cref="Allocate"/>, <paramref name="count"/> (1 to 1024) neighbours; each is released by itself.</summary>
    public static ulong AllocateContiguous(int count) => 0;

    public static void AddReference(ulong physical) { }

    public static void Release(ulong physical) { }

    /// <summary>Says what a frame is for, and tells <see cref="Checkpoint.FrameChanged"/> when write protection begins or ceases to matter for it.</summary>
    public static void SetState(ulong physical, FrameState state) { }

    public static FrameState StateOf(ulong physical) => FrameState.Absent;

    /// <summary>End of RAM.</summary>
    public static ulong End;
}

/// <summary>What a frame is used for.</summary>
public enum FrameState : byte
{
    /// <summary>Not RAM of the guest: below 4 MiB, beyond the end, or reserved by the machine.</summary>
    Absent,
    Free,

    /// <summary>Kernel image, slabs, stacks, files.</summary>
    Kernel,
    PageTable,

    /// <summary>Mapped into address spaces.</summary>
    User,

    /// <summary>Not part of a checkpoint: its contents mean nothing after arrival (interrupt stacks, virtqueues, receive buffers).</summary>
    Excluded,

    /// <summary>Used by a checkpoint in progress only: excluded from it, and free again on arrival.</summary>
    Checkpoint,

    /// <summary>A device writes it: it leaves the checkpoint until it comes back.</summary>
    Lent,
}
