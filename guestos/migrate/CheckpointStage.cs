using Wire;

namespace Guestos;

/// <summary>
/// Where a checkpoint in progress is: what its stream gives next, and what writes to memory mean meanwhile. <see
/// cref="CheckpointState.Enter"/> is the only way from one to the next:
/// <code>
/// Header → Protection ⇄ Round → Remainder → Late ⇄ Committed
/// </code>
/// </summary>
internal enum CheckpointStage : uint
{
    /// <summary>Nothing was given yet: options may still be set.</summary>
    Header,

    /// <summary>Nothing of the round is sent before all of it is write-protected.</summary>
    Protection,

    /// <summary>Pages of the round are sent while the guest changes them; what changes is logged.</summary>
    Round,

    /// <summary>
    /// Behind the fork: what is left is sent as it was then, and the trailer. Pages are copied before they change.
    /// </summary>
    Remainder,

    /// <summary>
    /// The trailer was given. Frames that have come since the fork follow, as often as there are some.
    /// </summary>
    Late,

    /// <summary>The copy may run. See <see cref="CheckpointCommit"/>.</summary>
    Committed,
}

internal static class CheckpointStages
{
    /// <summary>As programs see it.</summary>
    public static CheckpointPhase Phase(this CheckpointStage stage) => stage switch
    {
        < CheckpointStage.Remainder => CheckpointPhase.Rounds,
        CheckpointStage.Committed => CheckpointPhase.Committed,
        _ => CheckpointPhase.Forked,
    };

    /// <summary>True when the second may follow upon the first.</summary>
    public static bool MayBecome(this CheckpointStage stage, CheckpointStage next) => stage switch
    {
        CheckpointStage.Header => next is CheckpointStage.Protection,
        CheckpointStage.Protection => next is CheckpointStage.Round,
        CheckpointStage.Round => next is CheckpointStage.Protection or CheckpointStage.Remainder,
        CheckpointStage.Remainder => next is CheckpointStage.Late,
        CheckpointStage.Late => next is CheckpointStage.Committed,
        _ => next is CheckpointStage.Late,
    };
}
