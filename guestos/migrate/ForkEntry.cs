using System.Runtime;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>What Fork.S does.</summary>
internal static unsafe class ForkEntry
{
    /// <summary>
    /// Saves the registers of System V AMD64 ABI §3.2.1 and calls <see cref="CheckpointFork.Freeze"/>, whose outcome it
    /// returns. In the copy it returns once more: <see cref="CheckpointFork.Outcome.Arrived"/>.
    /// </summary>
    [RuntimeImport("*", "checkpoint_fork"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern int Fork(ulong* context);

    /// <summary>Where the copy begins.</summary>
    [RuntimeImport("*", "checkpoint_recover_address"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong RecoverAddress();
}
