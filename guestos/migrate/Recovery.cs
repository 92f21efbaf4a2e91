using System;
using System.Runtime;
using Board;
using Wire;

namespace Guestos;

/// <summary>
/// The recovery phase (thesis §6.5.2): first code of the checkpoint to run on the machine it arrived on, on a stack of
/// its own, with the loader's page tables in force. Like an interrupt handler it reaches all kernel data and cannot
/// sleep.
/// </summary>
internal static unsafe class Recovery
{
    /// <summary>
    /// Called from Fork.S; returns the registers of the forked process, whose address space is then in force.
    /// </summary>
    /// <param name="startInfo">Physical address of the new machine's hvm_start_info.</param>
    /// <param name="block">
    /// Physical address of the arrival block (docs/architecture.md, "Checkpoint hand-over").
    /// </param>
    [RuntimeExport("checkpoint_arrive")]
    private static void* Arrive(ulong startInfo, ulong argument, ulong block)
    {
        // Page tables arrive clean (WriteProtection.CopyClean). From here on the kernel's own are in force.
        ArrivedMachine.Resume();
        Checkpoint.Arrive();
        UsedFeatures.Settle();
        var arrival = (ArrivalBlock*)DirectMap.At(block);
        Clock.Resume(CheckpointFork.ForkMonotonic, sinceFork: arrival->SinceSnapshot, counter: arrival->Counter,
            counterKilohertz: arrival->CounterKilohertz, timerKilohertz: arrival->TimerKilohertz,
            Interrupts.Local);
        var information = new StartInfo(startInfo, DirectMap.Base);
        Entropy.Gather(information.CommandLine);
        // SAFETY: the loader laid the frames out in the firmware window, which the guest does not use.
        var late = new ReadOnlySpan<byte>(arrival + 1, (int)Math.Min(arrival->LateBytes, 1 << 20));
        Network.OnArrival(information.CommandLine, CheckpointFork.ForkSockets, late);
        RateLimit.WakeAll();
        ArrivedMachine.Enter(CheckpointFork.ForkedThread);
        return CheckpointFork.SavedContext;
    }
}
