namespace Guestos;

/// <summary>
/// The memory of one read or write: what is still to be filled or taken. User memory is made present just before each piece is
/// touched (<see cref="Fill"/>, <see cref="Take"/>), because whoever sleeps in between may find it unmapped or shared again.
/// </summary>
public unsafe struct Transfer
{
    public byte* Address;
    public ulong Count;

    /// <summary>Kernel memory: always present. Set only by the kernel's own calls.</summary>
    public bool Kernel;

    public static Transfer User(ulong address, ulong count) => new() { Address = (byte*)address, Count = count };

    public static Transfer Of(byte* memory, ulong count) => new() { Address = memory, Count = count, Kernel = true };

    /// <summary>Makes the next <paramref name="count"/> bytes writable. False: EFAULT.</summary>
    public readonly bool Fill(ulong count) => Kernel || UserMemory.Writable((ulong)Address, count);

    /// <summary>Makes the next <paramref name="count"/> bytes readable. False: EFAULT.</summary>
    public readonly bool Take(ulong count) => Kernel || UserMemory.Readable((ulong)Address, count);

    /// <summary>How many of the next <paramref name="count"/> bytes can be made writable, from the first on.</summary>
    public readonly ulong Fillable(ulong count) => Fill(count) ? count : Usable(count, write: true);

    /// <summary>How many of the next <paramref name="count"/> bytes can be made readable, from the first on.</summary>
    public readonly ulong Takeable(ulong count) => Take(count) ? count : Usable(count, write: false);

    private readonly ulong Usable(ulong count, bool write)
    {
        const ulong pageSize = 4096;
        ulong usable = 0;
        while (usable < count)
        {
            ulong at = (ulong)Address + usable;
            ulong step = System.Math.Min(count - usable, pageSize - at % pageSize);
            if (write ? !UserMemory.Writable(at, step) : !UserMemory.Readable(at, step))
                break;
            usable += step;
        }

        return usable;
    }

    /// <summary>Passes over what has been filled or taken.</summary>
    public void Advance(ulong count)
    {
        Address += count;
        Count -= count;
    }
}
