namespace Netstack;

/// <summary>
/// Connections in the order in which they came: half-open or waiting for accept at a listener, orphans, or in
/// TIME-WAIT. A connection is in one list at most (<see cref="Connection.QueueNext"/>). All zeros is an empty list:
/// what is kept is the index and one.
/// </summary>
internal unsafe struct ConnectionList
{
    private ushort _head;
    private ushort _tail;

    public int Count;

    /// <summary>The oldest, or null.</summary>
    public readonly Connection* First(Stack* stack) => _head == 0 ? null : stack->Connections + (_head - 1);

    /// <summary>The one that came after it, or null.</summary>
    public static Connection* Next(Stack* stack, Connection* c) =>
        c->QueueNext < 0 ? null : stack->Connections + c->QueueNext;

    public void Add(Stack* stack, Connection* c)
    {
        c->QueueNext = -1;
        c->QueuePrevious = (short)(_tail - 1);
        if (_tail != 0)
            stack->Connections[_tail - 1].QueueNext = c->Index;
        else
            _head = (ushort)(c->Index + 1);
        _tail = (ushort)(c->Index + 1);
        Count++;
    }

    public void Remove(Stack* stack, Connection* c)
    {
        if (c->QueuePrevious >= 0)
            stack->Connections[c->QueuePrevious].QueueNext = c->QueueNext;
        else
            _head = (ushort)(c->QueueNext + 1);
        if (c->QueueNext >= 0)
            stack->Connections[c->QueueNext].QueuePrevious = c->QueuePrevious;
        else
            _tail = (ushort)(c->QueuePrevious + 1);
        c->QueueNext = -1;
        c->QueuePrevious = -1;
        Count--;
    }
}
