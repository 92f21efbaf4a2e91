using System.Runtime;
using System.Runtime.CompilerServices;

namespace Loader.Checkpoint;

/// <summary>Zeroed memory of the firmware window, laid out in Resume.S.</summary>
internal static unsafe class Areas
{
    /// <summary>Six page frames.</summary>
    [RuntimeImport("*", "area_page_tables"), MethodImpl(MethodImplOptions.InternalCall)] public static extern ulong* PageTables();

    /// <summary>Length in bytes, then the late frames.</summary>
    [RuntimeImport("*", "area_late_frames"), MethodImpl(MethodImplOptions.InternalCall)] public static extern byte* LateFrames();

    /// <summary>One CRC-32C for each of the first <see cref="ChecksumFrames"/> frames.</summary>
    [RuntimeImport("*", "area_checksums"), MethodImpl(MethodImplOptions.InternalCall)] public static extern uint* Checksums();

    public const uint ChecksumFrames = 384 * 1024 / 4;

    /// <summary>One bit for each frame.</summary>
    [RuntimeImport("*", "area_received"), MethodImpl(MethodImplOptions.InternalCall)] public static extern byte* Received();
}
