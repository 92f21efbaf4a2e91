using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>
/// mm: page frames, page tables and address spaces.
/// <para>Guarantees: user pages arrive zeroed or with their file's bytes; a frame is freed with its last reference; a
/// private page is never seen to change by another address space, but for pages of a file that were not written to
/// through the mapping: they are the file's own frames, as all pages of a shared mapping of a file are. Failure is a
/// value (null, 0, false or -errno), a broken invariant is a <see cref="Panic"/>.</para>
/// <para>Who may call: proc, fs, abi and migrate in process context, or the boot path. Interrupt handlers take frames
/// only (<see cref="Frames.Allocate"/>). The kernel is not preempted except at <see cref="Preemption.Point"/>: what is
/// said to give way here contains such points, everything else is atomic.</para>
/// <para>Locks: areas are changed, and gone through with preemption points, under <see cref="Lock"/>. Page faults
/// (<see cref="Resolve"/>) do not take it. <see cref="PageTable"/> and <see cref="Frames"/> need no lock.</para>
/// This file: one user address space, its state, and how it begins and ends.
/// </summary>
public unsafe partial struct AddressSpace
{
    /// <summary>Most areas of one address space (vm.max_map_count); memory ends sooner on a small machine.</summary>
    public const int MaxAreas = 65530;

    /// <summary>User addresses are below.</summary>
    public const ulong End = DirectMap.UserEnd;

    /// <summary>Exclusive end of the stack.</summary>
    public const ulong StackTop = End - 2 * Frames.Size;

    /// <summary>Bytes that a stack may have, however high RLIMIT_STACK is.</summary>
    public const ulong MaxStack = 64 << 20;

    /// <summary>mmap without an address goes below this, top down; the stack has the room above.</summary>
    public const ulong MapTop = StackTop - MaxStack;

    /// <summary>Lowest address that may be mapped (vm.mmap_min_addr).</summary>
    public const ulong MapBottom = 0x10000;

    /// <summary>Processes that share it, and who holds it for a while.</summary>
    public int References;

    /// <summary>
    /// Held while areas are changed, or gone through with preemption points. Page faults do not take it: the only
    /// border that they move is the start of a stack, downwards.
    /// </summary>
    public SleepLock Lock;

    /// <summary>Physical address of the top-level page table.</summary>
    public ulong Root;

    /// <summary>Program arguments and environment on the stack: /proc/PID/cmdline and environ.</summary>
    public ulong ArgumentsStart;
    public ulong ArgumentsEnd;
    public ulong EnvironmentStart;
    public ulong EnvironmentEnd;

    /// <summary>What the program was told at its start (getauxval(3)): /proc/PID/auxv.</summary>
    public ulong AuxiliaryStart;
    public ulong AuxiliaryEnd;

    /// <summary>Frames mapped now, without the zero page (resident set).</summary>
    public ulong ResidentPages;

    /// <summary>Page tables, with the top-level one (VmPTE).</summary>
    public ulong TablePages;

    /// <summary>What would become free if nobody shared it, in frames: by this the largest process is found.</summary>
    public readonly ulong HeldFrames => ResidentPages + TablePages;

    /// <summary>Pages of all areas (RLIMIT_AS). This sum and the next two follow every change of an area.</summary>
    public ulong TotalPages;

    /// <summary>Pages of areas that are locked (mlock(2), RLIMIT_MEMLOCK).</summary>
    public ulong LockedPages;

    /// <summary>Pages that only this address space writes, without its stack (RLIMIT_DATA, setrlimit(2)).</summary>
    public ulong DataPages;

    /// <summary>First address of the heap, and its end, exclusive (brk(2)).</summary>
    public ulong BreakStart;
    public ulong Break;

    /// <summary>mlockall(2), MCL_FUTURE: what is mapped from now on is locked, and its pages come at once.</summary>
    public bool LocksFuture;

    /// <summary>mlockall(2), MCL_ONFAULT: pages of what is mapped from now on come when they are touched.</summary>
    public bool LocksOnFault;

    /// <summary>The program, referenced: /proc/PID/exe.</summary>
    public MemoryObject* Executable;

    /// <summary>The list of all areas, ascending by address.</summary>
    public Area* FirstArea;
    public Area* LastArea;
    public int AreaCount;

    /// <summary>Root of the same areas' tree (<see cref="AreaTree"/>).</summary>
    private Area* areas;

    /// <summary>Address below which the next search for room begins; 0: <see cref="MapTop"/>.</summary>
    private ulong roomTop;

    /// <summary>Bytes of the largest hole between <see cref="roomTop"/> and <see cref="MapTop"/>.</summary>
    private ulong roomAbove;

    /// <summary>The list of all address spaces: the next older one, and the next younger.</summary>
    public AddressSpace* Next;
    public AddressSpace* Previous;

    /// <summary>That of the current process, which is loaded in CR3; null: none. Written by the scheduler.</summary>
    public static AddressSpace* Current;

    /// <summary>Head of the list of all address spaces: the youngest.</summary>
    public static AddressSpace* First;

    /// <summary>
    /// Number of the address space, ascending in the order in which they were made. Code that visits all of them and
    /// gives way meanwhile finds its place again by it.
    /// </summary>
    public ulong Serial;

    /// <summary>The highest number given so far.</summary>
    public static ulong NewestSerial;

    private static Slab<AddressSpace> s_spaces;
    private static Slab<Area> s_areas;

    /// <summary>An empty one with one reference; null without memory.</summary>
    public static AddressSpace* Create()
    {
        AddressSpace* space = s_spaces.Allocate();
        if (space == null)
            return null;
        space->Root = PageTable.CreateRoot();
        if (space->Root == 0)
        {
            s_spaces.Free(space);
            return null;
        }
        space->References = 1;
        space->TablePages = 1;
        NewestSerial++;
        space->Serial = NewestSerial;
        space->Next = First;
        if (First != null)
            First->Previous = space;
        First = space;
        return space;
    }

    /// <summary>
    /// Takes a reference and the lock: its areas stay as they are until <see cref="LetGo"/>. False when the last
    /// reference has been given up already. May sleep.
    /// </summary>
    public static bool TryHold(AddressSpace* space)
    {
        if (space->References == 0)
            return false;
        space->References++;
        SleepLock.Take(&space->Lock);
        return true;
    }

    /// <summary>Undoes <see cref="TryHold"/>.</summary>
    public static void LetGo(AddressSpace* space)
    {
        SleepLock.Release(&space->Lock);
        Release(space);
    }

    /// <summary>
    /// Gives up one reference; the last one frees areas, pages and tables, and gives way. The address space that is
    /// loaded must keep one.
    /// </summary>
    public static void Release(AddressSpace* space)
    {
        space->References--;
        if (space->References > 0)
            return;
        Unmap(space, PageRange.All);
        SetExecutable(space, null);
        if (space->Previous != null)
            space->Previous->Next = space->Next;
        else
            First = space->Next;
        if (space->Next != null)
            space->Next->Previous = space->Previous;
        PageTable.Destroy(space->Root);
        s_spaces.Free(space);
    }

    /// <summary>
    /// Makes a file the program of an address space; null: none. While it is, opening it for writing fails (ETXTBSY).
    /// </summary>
    public static void SetExecutable(AddressSpace* space, MemoryObject* file)
    {
        if (file != null)
        {
            MemoryObject.Operations.Hold(file);
            file->Executions++;
        }
        if (space->Executable != null)
        {
            space->Executable->Executions--;
            MemoryObject.Operations.Release(space->Executable);
        }
        space->Executable = file;
    }
}
