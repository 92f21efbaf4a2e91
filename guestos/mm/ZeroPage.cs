namespace Guestos;

/// <summary>
/// The frame that private pages share which were read and never written: all zeros. It counts in nobody's resident set
/// (proc(5), VmRSS), since nothing is free when it is unmapped.
/// </summary>
internal static unsafe class ZeroPage
{
    /// <summary>Referenced once more than it is mapped: never freed nor written to. 0: there is none.</summary>
    private static ulong s_frame;

    /// <summary>At boot. Without memory every page that is read gets a frame of its own.</summary>
    public static void Start()
    {
        s_frame = Frames.Allocate();
        if (s_frame != 0)
            Frames.SetState(s_frame, FrameState.User);
    }

    public static bool Exists => s_frame != 0;

    public static bool Is(ulong frame) => frame == s_frame;

    /// <summary>With a reference for who maps it, read-only.</summary>
    public static ulong Take()
    {
        Frames.AddReference(s_frame);
        return s_frame;
    }

    /// <summary>What a mapped frame adds to a resident set.</summary>
    public static ulong Weight(ulong frame) => Is(frame) ? 0ul : 1;
}
