namespace Guestos;

/// <summary>The further groups of a thread (setgroups(2)).</summary>
public unsafe struct SupplementaryGroups
{
    /// <summary>NGROUPS_MAX as this kernel has it.</summary>
    public const int Capacity = 32;

    private fixed uint groups[Capacity];

    public int Count { get; private set; }

    /// <summary>Below <see cref="Count"/>.</summary>
    public uint At(int index) => groups[index & (Capacity - 1)];

    /// <summary>At most <see cref="Capacity"/> times.</summary>
    public void Add(uint group)
    {
        groups[Count & (Capacity - 1)] = group;
        Count++;
    }
}
