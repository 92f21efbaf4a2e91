namespace Guestos;

/// <summary>A pipe or FIFO.</summary>
public unsafe struct Pipe
{
    public WaitQueue Queue;
}
