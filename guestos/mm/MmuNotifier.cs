namespace Guestos;

/// <summary>
/// Functions through which a checkpoint in progress (docs/migration.md) follows changes of memory. Each is null while
/// no checkpoint is taken.
/// </summary>
public static unsafe class MmuNotifier
{
    /// <summary>
    /// A page-table entry is about to change (entry, new value). Returns the value to store.
    /// </summary>
    public static delegate*<ulong*, ulong, ulong> EntryChanges;

    /// <summary>
    /// A frame, by its physical address, begins or ceases to be one whose writes are not tracked by protection (page
    /// table, excluded, used by the checkpoint itself). Its new state is set already.
    /// </summary>
    public static delegate*<ulong, void> FrameChanged;
}
