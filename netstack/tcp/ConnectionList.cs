namespace Netstack;

/// <summary>
/// Connections in the order in which they came: half-open or waiting for accept at a listener, orphans, or in
/// TIME-WAIT. A connection is in one list at most (<see cref="Connection.QueueNext"/>). All zeros is an empty list:
/// what is kept is the index and one.
/// </summary>
internal unsafe struct ConnectionList
{
    private ushort head;
    private ushort tail;

    public int Count;

    /// <summary>The oldest, or null.</summary>
    public readonly Connection* First(Stack* stack) => head == 0 ? null : stack->Connections + (head - 1);

    /// <summary>The one that came after it, or null.</summary>
    public static Connection* Next(Stack* stack, Connection* c) =>
        c->QueueNext < 0 ? null : stack->Connections + c->QueueNext;

    public void Add(Stack* stack, Connection* c)
    {
        c->QueueNext = -1;
        c->QueuePrevious = (short)(tail - 1);
        if (tail != 0)
            stack->Connections[tail - 1].QueueNext = c->Index;
        else
            head = (ushort)(c->Index + 1);
        tail = (ushort)(c->Index + 1);
        Count++;
    }

    public void Remove(Stack* stack, Connection* c)
    {
        if (c->QueuePrevious >= 0)
            stack->Connections[c->QueuePrevious].QueueNext = c->QueueNext;
        else
            head = (ushort)(c->QueueNext + 1);
        if (c->QueueNext >= 0)
            stack->Connections[c->QueueNext].QueuePrevious = c->QueuePrevious;
        else
            tail = (ushort)(c->QueuePrevious + 1);
        c->QueueNext = -1;
        c->QueuePrevious = -1;
        Count--;
    }
}
