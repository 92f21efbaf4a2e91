using System;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Netstack;

/// <summary>The fields of a stack, and how its tables and rings lie in the caller's memory.</summary>
public unsafe partial struct Stack
{
    internal const int MaxAddresses = 8;
    internal const int MaxHeldFrames = 4;

    /// <summary>What was received, sent and dropped, and why.</summary>
    public Counters Counters;

    internal Link Link;
    internal ulong MacAddress;
    internal uint Gateway;
    internal int AddressCount;
    internal fixed uint Addresses[MaxAddresses];
    internal fixed uint Masks[MaxAddresses];
    internal ulong SecretLow;
    internal ulong SecretHigh;

    internal Connection* Connections;
    internal int ConnectionCount;

    /// <summary>
    /// Slots from here on have never been used, and nobody has written to their memory: a guest that has room for
    /// thousands of connections need not have memory for them, nor take it along when it moves.
    /// </summary>
    internal int ConnectionsMade;

    /// <summary>All slots from here on are free.</summary>
    internal int ConnectionTop;

    /// <summary>For each slot a time before which none of its timers is due.</summary>
    internal ulong* Deadlines;

    internal int FreeConnections;
    internal int ReservedConnections;

    /// <summary>In the order in which their time ends.</summary>
    internal ConnectionList TimeWaiting;

    /// <summary>
    /// Connections that their users have closed and that are not finished, except those in TIME-WAIT. The first is the
    /// one whose peer has acknowledged nothing new for longest.
    /// </summary>
    internal ConnectionList Orphans;

    /// <summary>Connections of all listeners in SYN-RECEIVED, and how many there may be.</summary>
    internal int HalfOpen;
    internal int MaxHalfOpen;

    /// <summary>
    /// When a half-open connection was last not kept, 0 for never: cookies are looked at for a while after that.
    /// </summary>
    internal ulong CookiesUsed;

    /// <summary>Two keys of two words, which of them makes cookies, since when, and the number of keys made.</summary>
    internal fixed ulong CookieKeys[4];
    internal int CookieKey;
    internal ulong CookieTime;
    internal ulong CookieCounter;

    /// <summary>Some connection has <see cref="Connection.WaitsForRing"/>.</summary>
    internal bool RingWaiters;

    /// <summary>Heads of the hash chains, -1 when empty.</summary>
    internal short* Buckets;
    internal uint BucketMask;
    internal uint BucketSecret;
    internal short FreeConnection;

    internal Listener* Listeners;
    internal int ListenerCount;
    internal int ReservedListeners;
    internal DatagramSocket* Datagrams;
    internal int DatagramCount;
    internal int ReservedDatagrams;

    internal SendChunk* Chunks;
    internal int ChunkCount;
    internal int FreeChunk;
    internal int FreeChunks;

    internal Neighbour* Neighbours;
    internal int NeighbourCount;

    /// <summary>
    /// Frames held while their neighbour is being asked: lengths, and buffers of <see cref="FrameBufferSize"/>.
    /// </summary>
    internal fixed int HeldLength[MaxHeldFrames];
    internal byte* HeldFrames;

    /// <summary>Where datagrams and ICMP messages are built.</summary>
    internal byte* Scratch;
    internal int FrameBufferSize;

    internal byte* LoopbackRing;
    internal int LoopbackSize;
    internal int LoopbackHead;
    internal int LoopbackTail;
    internal bool LoopbackDraining;

    internal uint ReceiveBufferSize;
    internal uint SendBufferSize;
    internal uint DatagramBufferSize;
    internal int MaxPageBytes;
    internal ulong TimeWait;
    internal uint EphemeralCounter;
    internal uint FragmentCounter;

    /// <summary>Packets of which fragments have come, <see cref="Fragments.MaxPackets"/>.</summary>
    internal Fragments.Packet* Reassembly;

    /// <summary>What there is of IPv6 on the link.</summary>
    internal Interface6 Link6;

    /// <summary>No timer is due before this.</summary>
    internal ulong Deadline;

    /// <summary>Some connection has <see cref="Connection.OutputPending"/>.</summary>
    internal bool OutputPending;

    /// <summary>Announcements still to be sent, and when the next one is due.</summary>
    internal int Announcements;
    internal ulong AnnounceTime;

    /// <summary>The connections that <see cref="FilterOutgoing"/> lets through, when it is armed.</summary>
    internal bool FilterArmed;

    /// <summary>Frames go to the peers of these connections only, see <see cref="FilterAllButPeers"/>.</summary>
    internal bool FilterPeersOnly;
    internal int FilterCount;
    internal Endpoints* Filtered;

    /// <summary>ICMP errors: start of the present interval, and how many may still be sent in it.</summary>
    internal ulong ErrorInterval;
    internal int ErrorsLeft;

    /// <summary>When rings were last reclaimed (<see cref="Rings"/>), 0 for never.</summary>
    internal ulong RingsReclaimed;

    // SAFETY: a stack lies in the caller's memory, which does not move: its address is the pointer it was created with.
    internal Stack* Self => (Stack*)Unsafe.AsPointer(ref this);

    /// <summary>
    /// Bytes of memory that a stack of this configuration needs; 0 when a field is out of range.
    /// </summary>
    public static ulong RequiredMemory(in StackConfiguration configuration)
    {
        StackConfiguration full = configuration;
        return Complete(ref full) ? Lay(null, full) : 0;
    }

    /// <summary>
    /// Builds a stack in <paramref name="memory"/> (64-byte aligned). Null when <paramref name="length"/> is less than
    /// <see cref="RequiredMemory"/> or a field of the configuration is out of range.
    /// </summary>
    public static Stack* Init(byte* memory, ulong length, in StackConfiguration configuration)
    {
        StackConfiguration full = configuration;
        if (memory == null || ((ulong)memory & 63) != 0 || !Complete(ref full))
            return null;
        if (Lay(null, full) > length)
            return null;
        // SAFETY: Lay(null) said how much memory is used, and there is that much.
        Stack* stack = (Stack*)memory;
        *stack = default;
        Lay(stack, full);

        stack->Link = full.Link;
        stack->MacAddress = full.MacAddress;
        stack->Gateway = full.Gateway;
        stack->SecretLow = full.SecretLow;
        stack->SecretHigh = full.SecretHigh;
        stack->ReceiveBufferSize = (uint)full.ReceiveBuffer;
        stack->SendBufferSize = (uint)full.SendBuffer;
        stack->DatagramBufferSize = (uint)full.DatagramBuffer;
        stack->MaxPageBytes = full.PageBytes;
        stack->TimeWait = (ulong)full.TimeWaitMilliseconds * Tcp.Millisecond;
        stack->Deadline = ulong.MaxValue;
        stack->EphemeralCounter = (uint)(full.SecretLow ^ full.SecretHigh >> 32);
        stack->BucketSecret = (uint)full.SecretLow;
        stack->ReservedConnections = full.ReservedConnections;
        stack->ReservedListeners = full.ReservedListeners;
        stack->ReservedDatagrams = full.ReservedDatagramSockets;
        stack->FreeConnections = full.Connections;
        stack->MaxHalfOpen = full.Connections / 4 < 4 ? 4 : full.Connections / 4;
        SynCookies.Renew(stack, ulong.MaxValue);
        stack->CookieTime = 0;
        if (full.Address != 0)
            stack->AddAddress(full.Address, full.PrefixLength);

        for (int i = 0; i <= (int)stack->BucketMask; i++)
            stack->Buckets[i] = -1;
        stack->FreeConnection = -1;
        for (int i = 0; i < stack->ListenerCount; i++)
            stack->Listeners[i] = default;
        byte* ring = (byte*)stack->Datagrams + Round((ulong)stack->DatagramCount * (ulong)sizeof(DatagramSocket));
        for (int i = 0; i < stack->DatagramCount; i++)
        {
            stack->Datagrams[i] = default;
            stack->Datagrams[i].Index = (short)i;
            if (stack->Link.TakeRing == null)
                stack->Datagrams[i].Ring = ring + (ulong)i * stack->DatagramBufferSize;
            stack->Datagrams[i].RingMask = stack->DatagramBufferSize - 1;
        }
        stack->FreeChunk = -1;
        for (int i = stack->ChunkCount - 1; i >= 0; i--)
        {
            stack->Chunks[i].Next = stack->FreeChunk;
            stack->FreeChunk = i;
        }
        stack->FreeChunks = stack->ChunkCount;
        for (int i = 0; i < stack->NeighbourCount; i++)
            stack->Neighbours[i] = new Neighbour { Held = -1 };
        return stack;
    }

    /// <summary>A slot for a connection, out of all lists. Not called without a free one.</summary>
    internal static Connection* TakeConnection(Stack* stack)
    {
        stack->FreeConnections--;
        if (stack->FreeConnection >= 0)
        {
            Connection* used = stack->Connections + stack->FreeConnection;
            stack->FreeConnection = used->QueueNext;
            return used;
        }
        int index = stack->ConnectionsMade;
        stack->ConnectionsMade = index + 1;
        Connection* c = stack->Connections + index;
        *c = default;
        c->Index = (short)index;
        if (stack->Link.TakeRing == null)
        {
            byte* rings = (byte*)stack->Connections
                + Round((ulong)stack->ConnectionCount * (ulong)sizeof(Connection));
            c->ReceiveRing = rings + (ulong)index * (stack->ReceiveBufferSize + stack->SendBufferSize);
            c->SendRing = c->ReceiveRing + stack->ReceiveBufferSize;
        }
        return c;
    }

    /// <summary>Puts the defaults in and checks the ranges.</summary>
    private static bool Complete(ref StackConfiguration c)
    {
        Default(ref c.Connections, 16);
        Default(ref c.Listeners, 4);
        Default(ref c.DatagramSockets, 4);
        Default(ref c.ReceiveBuffer, 65536);
        Default(ref c.SendBuffer, 65536);
        Default(ref c.DatagramBuffer, 16384);
        Default(ref c.SendChunks, 64);
        Default(ref c.PageBytes, 1 << 20);
        Default(ref c.Neighbours, 16);
        Default(ref c.LoopbackBuffer, 65536);
        Default(ref c.TimeWaitMilliseconds, 60000);
        Default(ref c.Link.Mtu, 1500);
        Default(ref c.Link.MaxPieces, Link.MaxPiecesOfAnyLink);
        if (c.DatagramSockets == -1)
            c.DatagramSockets = 0;
        if (c.LoopbackBuffer == -1)
            c.LoopbackBuffer = 0;
        if (!IsValid(c.Link) || Ethernet.IsGroup(c.MacAddress) || c.MacAddress >> 48 != 0
            || c.PrefixLength is < 0 or > 32
            || c.Connections is < 1 or > Handles.FirstListener || c.ReservedConnections < 0
            || c.ReservedConnections >= c.Connections
            || c.ReservedListeners < 0 || c.ReservedListeners >= c.Listeners
            || c.ReservedDatagramSockets < 0 || c.ReservedDatagramSockets > c.DatagramSockets
            || c.Listeners is < 1 or > 1024 || c.DatagramSockets is < 0 or > 1024
            || c.ReceiveBuffer is < 4096 or > 1 << 24 || c.SendBuffer is < 4096 or > 1 << 24
            || c.DatagramBuffer is < 2048 or > 1 << 24 || c.SendChunks is < 0 or > 1 << 20
            || c.PageBytes is < 0 or > 1 << 28 || c.Neighbours is < 4 or > 256
            || c.LoopbackBuffer is < 0 or > 1 << 24 || c.TimeWaitMilliseconds < 0)
            return false;
        c.ReceiveBuffer = (int)BitOperations.RoundUpToPowerOf2((uint)c.ReceiveBuffer);
        c.SendBuffer = (int)BitOperations.RoundUpToPowerOf2((uint)c.SendBuffer);
        c.DatagramBuffer = (int)BitOperations.RoundUpToPowerOf2((uint)c.DatagramBuffer);
        c.LoopbackBuffer = (c.LoopbackBuffer + 63) & ~63;
        return true;
    }

    private static bool IsValid(in Link link) =>
        link.Transmit != null && (link.TakeRing == null) == (link.GiveRing == null) && link.Mtu is >= 576 and <= 9000
            && link.MaxPieces is >= 1 and <= Link.MaxPiecesOfAnyLink;

    private static void Default(ref int field, int value)
    {
        if (field == 0)
            field = value;
    }

    private static ulong Round(ulong length) => (length + 63) & ~63ul;

    /// <summary>
    /// Lays the tables behind the stack, each on its own cache line, and returns the end. Null only measures.
    /// </summary>
    private static ulong Lay(Stack* stack, in StackConfiguration c)
    {
        // Twice the connections, so that hash chains are short.
        uint buckets = BitOperations.RoundUpToPowerOf2((uint)c.Connections * 2);
        int chunks = c.SendChunks + c.Connections;
        int frame = (c.Link.Mtu + Output.TransportOffset + 63) & ~63;

        ulong at = Round((ulong)sizeof(Stack));
        ulong bucketsAt = at;
        at += Round(buckets * sizeof(short));
        ulong deadlinesAt = at;
        at += Round((ulong)c.Connections * sizeof(ulong));
        ulong listenersAt = at;
        at += Round((ulong)c.Listeners * (ulong)sizeof(Listener));
        ulong neighboursAt = at;
        at += Round((ulong)c.Neighbours * (ulong)sizeof(Neighbour));
        ulong chunksAt = at;
        at += Round((ulong)chunks * (ulong)sizeof(SendChunk));
        ulong reassemblyAt = at;
        at += Round((ulong)(Fragments.MaxPackets * sizeof(Fragments.Packet)));
        ulong filteredAt = at;
        at += Round((ulong)(MaxFiltered * sizeof(Endpoints)));
        ulong link6At = at;
        if (Address.HasIpv6)
            at += Round(Interface6.TablesLength);
        ulong scratchAt = at;
        at += (ulong)frame * (MaxHeldFrames + 1);
        ulong loopbackAt = at;
        at += (ulong)c.LoopbackBuffer;
        ulong connectionsAt = at;
        at += Round((ulong)c.Connections * (ulong)sizeof(Connection));
        if (c.Link.TakeRing == null)
            at += (ulong)c.Connections * ((ulong)c.ReceiveBuffer + (ulong)c.SendBuffer);
        ulong datagramsAt = at;
        at += Round((ulong)c.DatagramSockets * (ulong)sizeof(DatagramSocket));
        if (c.Link.TakeRing == null)
            at += (ulong)c.DatagramSockets * (ulong)c.DatagramBuffer;
        if (stack == null)
            return at;

        byte* memory = (byte*)stack;
        stack->Buckets = (short*)(memory + bucketsAt);
        stack->BucketMask = buckets - 1;
        stack->Deadlines = (ulong*)(memory + deadlinesAt);
        stack->Listeners = (Listener*)(memory + listenersAt);
        stack->ListenerCount = c.Listeners;
        stack->Neighbours = (Neighbour*)(memory + neighboursAt);
        stack->NeighbourCount = c.Neighbours;
        stack->Chunks = (SendChunk*)(memory + chunksAt);
        stack->ChunkCount = chunks;
        stack->Reassembly = (Fragments.Packet*)(memory + reassemblyAt);
        for (int i = 0; i < Fragments.MaxPackets; i++)
            stack->Reassembly[i] = default;
        stack->Filtered = (Endpoints*)(memory + filteredAt);
        if (Address.HasIpv6)
            stack->Link6.Lay(memory + link6At);
        stack->FrameBufferSize = frame;
        stack->Scratch = memory + scratchAt;
        stack->HeldFrames = stack->Scratch + frame;
        stack->LoopbackRing = memory + loopbackAt;
        stack->LoopbackSize = c.LoopbackBuffer;
        stack->Connections = (Connection*)(memory + connectionsAt);
        stack->ConnectionCount = c.Connections;
        stack->Datagrams = (DatagramSocket*)(memory + datagramsAt);
        stack->DatagramCount = c.DatagramSockets;
        return at;
    }

    /// <summary>Notes that a timer is due then.</summary>
    internal void Schedule(ulong deadline)
    {
        if (deadline < Deadline)
            Deadline = deadline;
    }

    /// <summary>The same of a connection's timer.</summary>
    internal void Schedule(Connection* c, ulong deadline)
    {
        if (deadline < Deadlines[c->Index])
            Deadlines[c->Index] = deadline;
        Schedule(deadline);
    }
}
