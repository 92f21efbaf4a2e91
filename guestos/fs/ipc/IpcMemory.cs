namespace Guestos;

/// <summary>
/// Memory of any length up to 16 MiB for what programs keep in objects of System V. What memory keeps for programs is
/// not used for it. Nothing here sleeps.
/// </summary>
internal static unsafe class IpcMemory
{
    /// <summary>Zeroed; null without memory. The caller names the same length when it gives it back.</summary>
    public static void* Allocate(int length)
    {
        if (Frames.Free <= Frames.UserFloor)
            return null;
        if (length <= (int)Frames.Size)
            return Objects.Allocate(length);
        ulong first = Frames.AllocateContiguous(FramesOf(length));
        return first != 0 ? DirectMap.At(first) : null;
    }

    public static void Free(void* memory, int length)
    {
        if (length <= (int)Frames.Size)
        {
            Objects.Free(memory, length);
            return;
        }
        ulong first = DirectMap.PhysicalOf(memory);
        for (int i = 0; i < FramesOf(length); i++)
            Frames.Release(first + (ulong)i * Frames.Size);
    }

    private static int FramesOf(int length) => (length + (int)Frames.Size - 1) / (int)Frames.Size;
}
