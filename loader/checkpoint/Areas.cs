using System.Runtime;
using System.Runtime.CompilerServices;
using Wire;

namespace Loader.Checkpoint;

/// <summary>Zeroed memory of the firmware window, laid out in Resume.S.</summary>
internal static unsafe class Areas
{
    /// <summary>Six page frames.</summary>
    [RuntimeImport("*", "area_page_tables"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong* PageTables();

    /// <summary>What the guest is given on arrival: <see cref="ArrivalBlock"/>, then the late frames.</summary>
    [RuntimeImport("*", "area_arrival"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ArrivalBlock* Arrival();

    /// <summary>One bit for each frame.</summary>
    [RuntimeImport("*", "area_received"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern byte* Received();
}
