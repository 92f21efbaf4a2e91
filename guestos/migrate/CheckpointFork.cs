using System;
using System.Runtime;
using Wire;

namespace Guestos;

/// <summary>
/// Where execution forks (thesis §6.3.3): one side stays, the other wakes up wherever the checkpoint is resumed.
/// </summary>
internal static unsafe class CheckpointFork
{
    /// <summary>
    /// Callee-saved registers and the stack pointer (System V AMD64 ABI §3.2.1), in the order of Fork.S.
    /// </summary>
    private struct Context
    {
        public fixed ulong Registers[7];
    }

    private static Context s_context;

    /// <summary>What the copy needs to know of the instant it was made at. Ordinary memory: it travels.</summary>
    public static Thread* ForkedThread;
    public static ulong ForkMonotonic;

    private static MigrationSockets s_sockets;

    /// <summary>The migration's connections: in the copy there is nothing behind them.</summary>
    public static ReadOnlySpan<int> ForkSockets => s_sockets.All;

    public enum Outcome
    {
        /// <summary>This is the side that goes on sending.</summary>
        Forked,

        /// <summary>This is the copy, on the machine it arrived on.</summary>
        Arrived,

        /// <summary>More was written than the snapshot buffer can keep: nothing has happened.</summary>
        NotYet,
    }

    // Only between Fork and Freeze, which the assembler calls without arguments.
    private static CheckpointState* s_state;

    public static ulong RecoveryEntry => ForkEntry.RecoverAddress();

    /// <summary>Returns twice when it succeeds.</summary>
    public static Outcome Fork(CheckpointState* state)
    {
        ForkedThread = Thread.Current;
        FloatState.Save(ForkedThread->UserFrame);
        ForkMonotonic = Clock.Monotonic;
        s_sockets = state->Sockets;
        s_state = state;
        // SAFETY: a static; it does not move.
        fixed (Context* context = &s_context)
            return (Outcome)ForkEntry.Fork(context->Registers);
    }

    // Interrupts are off, as everywhere in the kernel: nobody writes between the count and the protection but this
    // itself, on its own stack.
    [RuntimeExport("checkpoint_freeze")]
    internal static Outcome Freeze()
    {
        CheckpointState* state = s_state;
        if (!SnapshotBuffer.Fits(state))
            return Outcome.NotYet;
        // The dirty vector is the last one to transmit; with the next instruction that writes anywhere, copying begins.
        PageCleaner.NextRound(state);
        SnapshotBuffer.Assign(state);
        DeadMemory.Discard(state);
        state->Enter(CheckpointStage.Remainder);
        WriteProtection.RenewAll(state);
        if (state->Checksums != null && (state->Options & CheckpointOptions.Verify) != 0)
            PageCleaner.ChecksumAll(state);
        return Outcome.Forked;
    }

    /// <summary>The saved registers, for the way back in the copy.</summary>
    public static void* SavedContext
    {
        get
        {
            // SAFETY: a static; it does not move.
            fixed (Context* context = &s_context)
                return context;
        }
    }
}
