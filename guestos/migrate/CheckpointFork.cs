using System.Runtime;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>Where execution forks (thesis §6.3.3): one side stays, the other wakes up wherever the checkpoint is resumed.</summary>
internal static unsafe class CheckpointFork
{
    /// <summary>Callee-saved registers and the stack pointer (System V AMD64 ABI §3.2.1), in the order of Fork.S.</summary>
    private struct Context
    {
        public fixed ulong Registers[7];
    }

    private static Context s_context;

    /// <summary>What the copy needs to know of the instant it was made at. Ordinary memory: it travels.</summary>
    public static Process* ForkedProcess;
    public static ulong ForkMonotonic;
    public static ulong ForkRealtime;
    public static int ForkSocket;

    // Only between Fork and Freeze, which the assembler calls without arguments.
    private static CheckpointState* s_state;

    public static ulong RecoveryEntry => RecoverAddress();

    /// <summary>False here, true in the copy.</summary>
    public static bool Fork(CheckpointState* state)
    {
        ForkedProcess = Scheduler.Current;
        ForkMonotonic = Clock.Monotonic;
        ForkRealtime = Clock.Realtime;
        ForkSocket = state->Socket;
        s_state = state;
        // SAFETY: a static; it does not move.
        fixed (Context* context = &s_context)
            return ForkOnce(context->Registers) != 0;
    }

    [RuntimeExport("checkpoint_freeze")]
    private static void Freeze()
    {
        CheckpointState* state = s_state;
        state->Phase = CheckpointPhase.Forked;
        state->Part = StreamPart.Final;
        // The dirty vector is the last one to transmit; with the next instruction that writes anywhere, copying begins.
        PageCleaner.NextRound(state);
        PageCleaner.NoteUses(state);
        if (state->Checksums != null && (state->Options & PageCleaner.OptionVerify) != 0)
            PageCleaner.ChecksumAll(state);
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

    [RuntimeImport("*", "checkpoint_fork"), MethodImpl(MethodImplOptions.InternalCall)]
    private static extern int ForkOnce(ulong* context);

    [RuntimeImport("*", "checkpoint_recover_address"), MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong RecoverAddress();
}
