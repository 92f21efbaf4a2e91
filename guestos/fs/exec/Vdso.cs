namespace Guestos;

/// <summary>
/// The page by which programs read clocks without a system call (vdso(7)): a file without a name that every program
/// has mapped from its beginning.
/// </summary>
internal static unsafe class Vdso
{
    /// <summary>Above the stack, with an empty page between.</summary>
    public const ulong Address = AddressSpace.StackTop + Frames.Size;

    private static Inode* s_file;

    /// <summary>At boot. Without memory there is none, and programs make system calls.</summary>
    public static void Start()
    {
        const uint ReadableAndExecutable = 0x16d;
        Inode* file = Vfs.NewInode(InodeType.REG, ReadableAndExecutable, Vfs.AnonymousVolume);
        if (file == null)
            return;
        file->Size = Frames.Size;
        ulong frame = FileContent.PageFrame(file, 0, make: true);
        if (frame == 0)
        {
            Vfs.Release(file);
            return;
        }
        byte* page = DirectMap.At(frame);
        Memory.Copy(page, Symbols.VdsoImage(), Frames.Size);
        Clock.Share((SharedClock*)(page + SharedClock.Offset));
        s_file = file;
    }

    /// <summary>Maps it into a new address space: its address, or 0 for none.</summary>
    public static ulong Map(AddressSpace* space)
    {
        if (s_file == null || !PageRange.TryMake(Address, Frames.Size, out PageRange page))
            return 0;
        const uint protection = Protection.READ | Protection.EXEC;
        const AreaFlags flags = AreaFlags.Shared | AreaFlags.NeverWritable;
        Area* area = AddressSpace.Add(space, page, protection, flags, &s_file->Object, 0, page.End);
        return area != null ? Address : 0;
    }

    public static bool Is(Inode* file) => file != null && file == s_file;
}
