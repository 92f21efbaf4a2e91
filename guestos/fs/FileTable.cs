using System.Numerics;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// The descriptors of a process, shared by processes made with CLONE_FILES. The table grows by pieces, with its highest
/// descriptor; which are in use, and which execve closes, is said by one bit each.
/// </summary>
public unsafe struct FileTable
{
    public const int Capacity = ResourceLimits.MaxOpenFiles;

    private const int PieceLength = 128;
    private const int Pieces = Capacity / PieceLength;
    private const int Words = Capacity / 64;
    private const uint MinSize = 64;

    public int References;

    /// <summary>
    /// What Linux makes room for: a power of two above every descriptor there has been. select(2) does not look at what
    /// is beyond.
    /// </summary>
    public uint Size;

    /// <summary>All below are in use.</summary>
    private int lowestFree;
    private fixed ulong pieces[Pieces];
    private fixed ulong open[Words];
    private fixed ulong closeOnExec[Words];

    private struct Piece
    {
        public fixed ulong Files[PieceLength];
    }

    /// <summary>An empty table with one reference; null without memory.</summary>
    public static FileTable* Create()
    {
        FileTable* table = Objects.Allocate<FileTable>();
        if (table == null)
            return null;
        table->References = 1;
        table->Size = MinSize;
        return table;
    }

    /// <summary>A copy with one reference: same open files, same close-on-exec bits. Null without memory.</summary>
    public static FileTable* Fork(FileTable* table)
    {
        FileTable* copy = Create();
        if (copy == null)
            return null;
        for (int i = Next(table, 0); i >= 0; i = Next(table, i + 1))
        {
            File* file = Get(table, (ulong)i);
            if (Put(copy, i, Files.Hold(file), IsCloseOnExec(table, i)))
                continue;
            Files.Release(file);
            Release(copy);
            return null;
        }
        return copy;
    }

    /// <summary>CLONE_FILES: the same table again.</summary>
    public static FileTable* Share(FileTable* table)
    {
        table->References++;
        return table;
    }

    /// <summary>Gives one reference up; the last one closes everything.</summary>
    public static void Release(FileTable* table)
    {
        if (table == null)
            return;
        table->References--;
        if (table->References > 0)
            return;
        for (int i = Next(table, 0); i >= 0; i = Next(table, i + 1))
        {
            Close(table, i);
            Preemption.Point();
        }
        for (int i = 0; i < Pieces; i++)
            if (table->pieces[i] != 0)
                Objects.Free((Piece*)table->pieces[i]);
        Objects.Free(table);
    }

    /// <summary>execve: closes what is marked. Un-share first when <see cref="References"/> is above 1.</summary>
    public static void CloseOnExec(FileTable* table)
    {
        for (int i = Next(table, 0); i >= 0; i = Next(table, i + 1))
            if (IsCloseOnExec(table, i))
                Close(table, i);
    }

    /// <summary>The open file of a descriptor, without a reference of its own; null when there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static File* Get(FileTable* table, ulong descriptor)
    {
        if (table == null || descriptor >= Capacity)
            return null;
        var piece = (Piece*)table->pieces[descriptor / PieceLength];
        return piece != null ? (File*)piece->Files[descriptor % PieceLength] : null;
    }

    /// <summary>The first descriptor in use from one on; −1: none.</summary>
    public static int Next(FileTable* table, int descriptor) => table != null ? Find(table, descriptor, 0) : -1;

    /// <summary>
    /// The first from <paramref name="from"/> on that is in use, or, with all bits set in <paramref name="invert"/>,
    /// that is not; −1: none.
    /// </summary>
    private static int Find(FileTable* table, int from, ulong invert)
    {
        if (from >= Capacity)
            return -1;
        int word = (int)((uint)from / 64);
        ulong bits = (table->open[word] ^ invert) & ulong.MaxValue << from;
        while (bits == 0 && word < Words - 1)
        {
            word++;
            bits = table->open[word] ^ invert;
        }
        return bits != 0 ? word * 64 + BitOperations.TrailingZeroCount(bits) : -1;
    }

    /// <summary>Descriptors of the current process are below this (RLIMIT_NOFILE).</summary>
    public static uint Limit => Process.Current == null ? Capacity
        : (uint)System.Math.Min(Capacity, ResourceLimits.Of(Process.Current, Resource.OpenFiles));

    /// <summary>
    /// Gives a file, with the caller's reference, the lowest free descriptor from <paramref name="lowest"/> on. EMFILE,
    /// ENOMEM: the reference stays the caller's.
    /// </summary>
    public static long Install(FileTable* table, File* file, bool closeOnExec, int lowest = 0)
    {
        int descriptor = Find(table, System.Math.Max(lowest, table->lowestFree), ulong.MaxValue);
        if (descriptor < 0 || (uint)descriptor >= Limit)
            return Errno.EMFILE;
        return Put(table, descriptor, file, closeOnExec) ? descriptor : Errno.ENOMEM;
    }

    /// <summary>
    /// Gives a file, with the caller's reference, this descriptor; what it was before is closed. False without memory,
    /// and nothing is changed.
    /// </summary>
    public static bool Put(FileTable* table, int descriptor, File* file, bool closeOnExec)
    {
        ref ulong place = ref table->pieces[(uint)descriptor / PieceLength];
        if (place == 0)
            place = (ulong)Objects.Allocate<Piece>();
        if (place == 0)
            return false;
        // SAFETY: a piece is an object of this table until the table is released.
        File** entry = (File**)((Piece*)place)->Files + (uint)descriptor % PieceLength;
        File* before = *entry;
        *entry = file;
        table->open[(uint)descriptor / 64] |= 1UL << descriptor;
        while ((uint)descriptor >= table->Size)
            table->Size = System.Math.Max(table->Size * 2, 256);
        if (descriptor == table->lowestFree)
            table->lowestFree = descriptor + 1;
        SetCloseOnExec(table, descriptor, closeOnExec);
        if (before != null)
            Release(table, before);
        return true;
    }

    /// <summary>False when there was none (EBADF).</summary>
    public static bool Close(FileTable* table, int descriptor)
    {
        File* file = Get(table, (uint)descriptor);
        if (file == null)
            return false;
        ((Piece*)table->pieces[(uint)descriptor / PieceLength])->Files[(uint)descriptor % PieceLength] = 0;
        table->open[(uint)descriptor / 64] &= ~(1UL << descriptor);
        table->lowestFree = System.Math.Min(table->lowestFree, descriptor);
        SetCloseOnExec(table, descriptor, false);
        Release(table, file);
        return true;
    }

    private static void Release(FileTable* table, File* file)
    {
        FileLocks.DescriptorClosed(file, table);
        Files.Release(file);
    }

    public static bool IsCloseOnExec(FileTable* table, int descriptor) =>
        (table->closeOnExec[(uint)descriptor / 64] >> descriptor & 1) != 0;

    public static void SetCloseOnExec(FileTable* table, int descriptor, bool on)
    {
        ulong bit = 1UL << descriptor;
        if (on)
            table->closeOnExec[(uint)descriptor / 64] |= bit;
        else
            table->closeOnExec[(uint)descriptor / 64] &= ~bit;
    }
}
