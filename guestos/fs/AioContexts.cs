namespace Guestos;

/// <summary>A request of io_submit(2) that is done: struct io_event (include/uapi/linux/aio_abi.h).</summary>
public struct AioEvent
{
    /// <summary>aio_data of the request, and its address.</summary>
    public ulong Data;
    public ulong Request;
    public long Result;
    public long SecondResult;
}

/// <summary>
/// What io_setup(2) makes: the requests that are done and have not been asked for. They are done when io_submit(2)
/// comes back, which the interface permits, and all that is read or written here is in memory or waits as it does on
/// Linux. A process has its own, which neither its children nor its next program have.
/// </summary>
public unsafe struct AioContext
{
    internal AioContext* Next;

    /// <summary>The address of a page of the process, by which a C library knows it.</summary>
    public ulong Id;

    /// <summary>Most requests at a time that are not asked for yet.</summary>
    public uint Capacity;

    /// <summary>Those, and places that are taken for requests in progress.</summary>
    public uint Count;

    /// <summary>Calls that use it.</summary>
    public int Users;

    /// <summary>It is in no list any more.</summary>
    public bool IsDestroyed;

    /// <summary>Woken when a request is done, and at its end.</summary>
    public WaitQueue Done;

    internal AioContexts.Node* First;
    internal AioContexts.Node* Last;
}

/// <summary>The contexts of all processes. Nothing here sleeps.</summary>
public static unsafe class AioContexts
{
    /// <summary>/proc/sys/fs/aio-max-nr: what all together may hold.</summary>
    public const uint MaxRequests = 65536;

    internal struct Node
    {
        public Node* Next;
        public AioEvent Event;
    }

    private static uint s_reserved;

    /// <summary>A new one of the current process; null: EAGAIN.</summary>
    public static AioContext* Create(uint capacity)
    {
        if (capacity > MaxRequests - s_reserved)
            return null;
        AioContext* context = Objects.Allocate<AioContext>();
        if (context == null)
            return null;
        s_reserved += capacity;
        context->Capacity = capacity;
        ref ProcessFiles files = ref Process.Current->Files;
        context->Next = (AioContext*)files.AioContexts;
        files.AioContexts = context;
        return context;
    }

    /// <summary>The current process's with this id, or null.</summary>
    public static AioContext* Find(ulong id)
    {
        var context = (AioContext*)Process.Current->Files.AioContexts;
        while (context != null && context->Id != id)
            context = context->Next;
        return id != 0 ? context : null;
    }

    /// <summary>A place for what a request will have done. Null: EAGAIN.</summary>
    internal static Node* Reserve(AioContext* context)
    {
        if (context->Count >= context->Capacity)
            return null;
        Node* node = Objects.Allocate<Node>();
        if (node != null)
            context->Count++;
        return node;
    }

    internal static void GiveBack(AioContext* context, Node* node)
    {
        context->Count--;
        Objects.Free(node);
    }

    /// <summary>The request is done.</summary>
    internal static void Add(AioContext* context, Node* node)
    {
        if (context->Last != null)
            context->Last->Next = node;
        else
            context->First = node;
        context->Last = node;
        Scheduler.Wake(&context->Done);
    }

    /// <summary>The oldest that is done, until <see cref="Remove"/>. False: none is.</summary>
    public static bool TryPeek(AioContext* context, out AioEvent done)
    {
        done = context->First != null ? context->First->Event : default;
        return context->First != null;
    }

    /// <summary>The oldest that is done is taken away.</summary>
    public static void Remove(AioContext* context)
    {
        Node* node = context->First;
        context->First = node->Next;
        if (context->First == null)
            context->Last = null;
        GiveBack(context, node);
    }

    /// <summary>Of the current process. Who waits for it goes away; the last user frees it.</summary>
    public static void Destroy(AioContext* context) => Destroy(Process.Current, context);

    private static void Destroy(Process* process, AioContext* context)
    {
        var link = (AioContext**)&process->Files.AioContexts;
        while (*link != context)
            link = &(*link)->Next;
        *link = context->Next;
        context->IsDestroyed = true;
        s_reserved -= context->Capacity;
        Scheduler.Wake(&context->Done);
        FreeIfUnused(context);
    }

    public static void Hold(AioContext* context) => context->Users++;

    public static void Release(AioContext* context)
    {
        context->Users--;
        FreeIfUnused(context);
    }

    private static void FreeIfUnused(AioContext* context)
    {
        if (!context->IsDestroyed || context->Users > 0)
            return;
        while (context->First != null)
            Remove(context);
        Objects.Free(context);
    }

    /// <summary>The process ends, or has another program's memory.</summary>
    public static void DestroyAll(Process* process)
    {
        while (process->Files.AioContexts != null)
            Destroy(process, (AioContext*)process->Files.AioContexts);
    }
}
