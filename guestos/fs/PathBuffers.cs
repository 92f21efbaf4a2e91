namespace Guestos;

/// <summary>
/// Room for paths of <see cref="Vfs.PathCapacity"/> bytes. Whoever takes one has it to himself until he gives it back,
/// and may sleep meanwhile. A few are made at boot and kept, so that at rest there are always as many.
/// </summary>
public static unsafe class PathBuffers
{
    private const int MaxKept = 4;

    private static byte* s_first;
    private static int s_kept;

    /// <summary>At boot.</summary>
    public static void Init()
    {
        while (s_kept < MaxKept)
        {
            void* buffer = Objects.Allocate(Vfs.PathCapacity);
            if (buffer == null)
                return;
            Give((byte*)buffer);
        }
    }

    /// <summary>Null without memory. What is in it is of no meaning.</summary>
    public static byte* Take()
    {
        byte* buffer = s_first;
        if (buffer == null)
            return (byte*)Objects.Allocate(Vfs.PathCapacity);
        // SAFETY: the first word of a free buffer is the link to the next.
        s_first = *(byte**)buffer;
        s_kept--;
        return buffer;
    }

    /// <summary>Null is nothing.</summary>
    public static void Give(byte* buffer)
    {
        if (buffer == null)
            return;
        if (s_kept == MaxKept)
        {
            Objects.Free(buffer, Vfs.PathCapacity);
            return;
        }

        *(byte**)buffer = s_first;
        s_first = buffer;
        s_kept++;
    }
}
