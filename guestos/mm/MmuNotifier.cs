namespace Guestos;

/// <summary>
/// Who wants to see what memory becomes: a checkpoint in progress (docs/migration.md). Each is null while nobody does.
/// </summary>
public static unsafe class MmuNotifier
{
    /// <summary>
    /// A page-table entry is about to change (entry, new value). Returns the value to store.
    /// </summary>
    public static delegate*<ulong*, ulong, ulong> EntryChanges;

    /// <summary>
    /// A frame, by its physical address, begins or ceases to be one that no notice is taken of (page table, excluded,
    /// lent). Its new state is set.
    /// </summary>
    public static delegate*<ulong, void> FrameChanged;
}
