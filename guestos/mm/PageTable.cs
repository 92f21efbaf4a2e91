using Board;

namespace Guestos;

/// <summary>
/// Four-level page tables (SDM vol. 3A §4.5, in the editions in which paging is chapter 4; it is chapter 5 in later
/// ones). The only place that writes an entry, besides migrate/WriteProtection, which marks leaf entries. Accessed and
/// dirty are set in what is made here, so the processor has nothing to add. In a copy it has: entries arrive without
/// the two. No checkpoint sees it, since both are left out of the tables that it sends (WriteProtection.CopyClean).
/// Only <see cref="Destroy"/> gives way.
/// </summary>
public static unsafe class PageTable
{
    // Bits of an entry, by the names of SDM vol. 3A §4.5.4, table 4-20.
    public const ulong Present = 1UL << 0;
    public const ulong ReadWrite = 1UL << 1;
    public const ulong UserSupervisor = 1UL << 2;
    public const ulong PageLevelWriteThrough = 1UL << 3;
    public const ulong PageLevelCacheDisable = 1UL << 4;
    public const ulong Accessed = 1UL << 5;
    public const ulong Dirty = 1UL << 6;
    public const ulong ExecuteDisable = 1UL << 63;

    /// <summary>
    /// A bit that the processor ignores: the page may be written, but <see cref="ReadWrite"/> is clear so that the next
    /// write faults, which <c>Traps.OnWriteFault</c> answers.
    /// </summary>
    public const ulong WasWritable = 1UL << 9;
    public const ulong AddressMask = 0x000f_ffff_ffff_f000;
    public const int Entries = 512;

    /// <summary>The slot of the top-level table that holds the direct map, the same in every address space.</summary>
    public const int KernelSlot = (int)(DirectMap.Base >> 39 & 511);

    /// <summary>The top-level table of the kernel alone.</summary>
    public static ulong KernelRoot;

    /// <summary>A top-level table with the kernel's part; 0 without memory.</summary>
    public static ulong CreateRoot()
    {
        ulong root = AllocateTable();
        if (root != 0)
            Set((ulong*)DirectMap.At(root) + KernelSlot, *((ulong*)DirectMap.At(KernelRoot) + KernelSlot));
        return root;
    }

    private static ulong AllocateTable()
    {
        ulong table = Frames.Allocate();
        if (table != 0)
            Frames.SetState(table, FrameState.PageTable);
        return table;
    }

    /// <summary>Writes an entry of any level. The caller invalidates the translation where one may be cached.</summary>
    public static void Set(ulong* entry, ulong value)
    {
        if (MmuNotifier.EntryChanges != null)
            value = MmuNotifier.EntryChanges(entry, value);
        *entry = value;
    }

    /// <summary>The lowest-level entry for an address; null when there is none.</summary>
    public static ulong* Find(ulong root, ulong address)
    {
        ulong table = root;
        for (int shift = 39; shift > 12; shift -= 9)
        {
            ulong entry = ((ulong*)DirectMap.At(table))[address >> shift & 511];
            if ((entry & Present) == 0)
                return null;
            table = entry & AddressMask;
        }
        return (ulong*)DirectMap.At(table) + (address >> 12 & 511);
    }

    /// <summary>
    /// The same with the tables on the way, which are made where there are none. Null without memory: no more than
    /// <paramref name="floor"/> frames are free.
    /// </summary>
    /// <param name="tables">How many tables there are: those that are made are added.</param>
    public static ulong* Make(ulong root, ulong address, ulong floor, ref ulong tables)
    {
        ulong table = root;
        for (int shift = 39; shift > 12; shift -= 9)
        {
            ulong* entry = (ulong*)DirectMap.At(table) + (address >> shift & 511);
            if ((*entry & Present) == 0)
            {
                ulong made = Frames.Free > floor ? AllocateTable() : 0;
                if (made == 0)
                    return null;
                tables++;
                ulong reach = address < AddressSpace.End ? UserSupervisor : 0;
                Set(entry, made | Present | ReadWrite | reach | Accessed);
            }
            table = *entry & AddressMask;
        }
        return (ulong*)DirectMap.At(table) + (address >> 12 & 511);
    }

    /// <summary>The kernel's own, for as long as it runs. Null without memory.</summary>
    public static ulong* MakeKernel(ulong address)
    {
        ulong ignored = 0;
        return Make(KernelRoot, address, 0, ref ignored);
    }

    /// <summary>
    /// Gives back the lowest-level table of a user address if nothing is in it, and those above that hold nothing then.
    /// The caller invalidates the translation of the address afterwards, and with it what the processor has cached of
    /// the tables (SDM vol. 3A §4.10.4.1). Returns how many tables went.
    /// </summary>
    public static ulong Trim(ulong root, ulong address)
    {
        ulong* path = stackalloc ulong[3];
        ulong table = root;
        for (int level = 0; level < 3; level++)
        {
            path[level] = table;
            ulong entry = ((ulong*)DirectMap.At(table))[address >> 39 - 9 * level & 511];
            if ((entry & Present) == 0)
                return 0;
            table = entry & AddressMask;
        }
        ulong gone = 0;
        for (int level = 2; level >= 0 && IsEmpty(table); level--)
        {
            Set((ulong*)DirectMap.At(path[level]) + (address >> 39 - 9 * level & 511), 0);
            Frames.Release(table);
            gone++;
            table = path[level];
        }
        return gone;
    }

    private static bool IsEmpty(ulong table)
    {
        ulong* entries = (ulong*)DirectMap.At(table);
        for (int i = 0; i < Entries; i++)
            if (entries[i] != 0)
                return false;
        return true;
    }

    /// <summary>What the lowest-level entry for an address says; 0 where there is none.</summary>
    public static ulong EntryOf(ulong root, ulong address)
    {
        ulong entry = ((ulong*)DirectMap.At(root))[address >> 39 & 511];
        if ((entry & Present) == 0)
            return 0;
        entry = ((ulong*)DirectMap.At(entry & AddressMask))[address >> 30 & 511];
        if ((entry & Present) == 0)
            return 0;
        entry = ((ulong*)DirectMap.At(entry & AddressMask))[address >> 21 & 511];
        return (entry & Present) == 0 ? 0 : ((ulong*)DirectMap.At(entry & AddressMask))[address >> 12 & 511];
    }

    /// <summary>
    /// The entry of the first page from <paramref name="address"/> on, and below <paramref name="end"/>, that has a
    /// lowest-level table; null when there is none. What a higher table lacks is passed over at once.
    /// </summary>
    public static ulong* Next(ulong root, ref ulong address, ulong end)
    {
        while (address < end)
        {
            ulong table = root;
            int shift = 39;
            for (; shift > 12; shift -= 9)
            {
                ulong entry = ((ulong*)DirectMap.At(table))[address >> shift & 511];
                if ((entry & Present) == 0)
                    break;
                table = entry & AddressMask;
            }
            if (shift == 12)
                return (ulong*)DirectMap.At(table) + (address >> 12 & 511);
            address = (address | (1UL << shift) - 1) + 1;
        }
        return null;
    }

    /// <summary>True when the page may be written, whether or not the next write faults first.</summary>
    public static bool IsWritable(ulong entry) => (entry & (ReadWrite | WasWritable)) != 0;

    /// <summary>
    /// Frees every table of the user half. Its pages have been dropped, and no processor or list refers to the root any
    /// more. Gives way.
    /// </summary>
    public static void Destroy(ulong root)
    {
        ulong* top = (ulong*)DirectMap.At(root);
        for (int slot = 0; slot <= (int)(AddressSpace.End >> 39); slot++)
            if ((top[slot] & Present) != 0)
                DestroyLevel(top[slot] & AddressMask, 2);
        Frames.Release(root);
    }

    private static void DestroyLevel(ulong table, int below)
    {
        ulong* entries = (ulong*)DirectMap.At(table);
        if (below > 0)
            for (int i = 0; i < Entries; i++)
                if ((entries[i] & Present) != 0)
                    DestroyLevel(entries[i] & AddressMask, below - 1);
        Preemption.Point();
        Frames.Release(table);
    }

    /// <summary>
    /// Builds the kernel's own tables: all RAM at the direct map in 4 KiB pages (code read-only and executable,
    /// constants read-only, the rest writable), the device windows uncached. False without memory.
    /// </summary>
    internal static bool BuildKernel(ulong memoryEnd)
    {
        KernelRoot = AllocateTable();
        if (KernelRoot == 0)
            return false;
        for (ulong physical = 0; physical < memoryEnd; physical += Frames.Size)
        {
            ulong address = DirectMap.Base + physical;
            ulong* entry = MakeKernel(address);
            if (entry == null)
                return false;
            Set(entry, physical | Present | Accessed | Dirty | KernelProtection(address));
        }
        return MapDevices();
    }

    private static ulong KernelProtection(ulong address)
    {
        if (address < KernelImage.TextStart() || address >= KernelImage.DataStart())
            return ExecuteDisable | ReadWrite;
        return address < KernelImage.RodataStart() ? 0 : ExecuteDisable;
    }

    /// <summary>
    /// virtio-mmio windows, the I/O APIC, the local APIC. Where a window lies, the command line says; this is the range
    /// of all windows on domain and on QEMU's microvm, mapped ahead: the network device relies on it, at boot and on
    /// arrival. Who finds a window elsewhere calls <see cref="MapDevice"/> for it, as the entropy device's user does.
    /// </summary>
    private static bool MapDevices() =>
        MapDevice(VirtioWindows, VirtioWindowsLength)
        && MapDevice(Board.IoApic.Physical, Frames.Size)
        && MapDevice(Board.LocalApic.Physical, Frames.Size);

    private const ulong VirtioWindows = 0xfeb00000;
    private const ulong VirtioWindowsLength = 0x40000;

    /// <summary>Maps a device's registers into the direct map, uncached. False without memory.</summary>
    public static bool MapDevice(ulong physical, ulong length)
    {
        for (ulong page = physical & ~(ulong)(Frames.Size - 1); page < physical + length; page += Frames.Size)
        {
            ulong* entry = MakeKernel(DirectMap.Base + page);
            if (entry == null)
                return false;
            const ulong uncached = PageLevelCacheDisable | PageLevelWriteThrough;
            Set(entry, page | Present | ReadWrite | Accessed | Dirty | uncached | ExecuteDisable);
        }
        return true;
    }

    public static void Load(ulong root) => Processor.WriteCr3(root);

    /// <summary>Forgets all cached translations.</summary>
    public static void Flush() => Processor.WriteCr3(Processor.ReadCr3());
}
