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
    /// Write protection ceases or begins to matter for a frame, by its physical address: it is a page table, excluded,
    /// or the checkpoint's own now, or no longer. Its new state is set already.
    /// </summary>
    public static delegate*<ulong, void> FrameChanged;
}
