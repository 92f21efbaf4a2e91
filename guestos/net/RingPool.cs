using Netstack;

namespace Guestos;

/// <summary>
/// Memory for what connections have sent or received and nobody has taken yet: a ring is lent while there are bytes in
/// it. The first ones are taken at the start and kept, some of them for the guest's own connections, so that these need
/// no memory when there is none; the rest comes from the page frames and goes back there, at most a quarter of them.
/// </summary>
internal static unsafe class RingPool
{
    /// <summary>Bytes of a ring.</summary>
    public const int Size = 32 * 1024;

    private const int FramesPerRing = Size / Frames.Size;

    /// <summary>Rings that are never given back, and those of them that only reserved connections take.</summary>
    private const int Kept = 24;
    private const int Reserved = 12;

    /// <summary>
    /// Of the memory one byte in so many may be in rings; and there may be a long one for so many of these.
    /// </summary>
    private const int Share = 4;
    private const int QueueShare = 16;

    /// <summary>The last of the long ones are for the superuser's sockets.</summary>
    private const int ReservedQueues = 2;

    // Free rings from the front; from the back those that a device may still read. As many places as there may be
    // rings.
    private static byte** s_rings;
    private static int s_capacity;
    private static int s_free;
    private static int s_resting;
    private static int s_lent;
    private static int s_queues;

    // The long one, once it has been asked for; whether a connection has it.
    private static byte* s_long;
    private static bool s_longIsLent;

    /// <summary>False when there is not enough memory for the first rings.</summary>
    public static bool Start()
    {
        s_capacity = Kept + (int)(Frames.Total / (Share * FramesPerRing));
        ulong table = Frames.AllocateContiguous((s_capacity * sizeof(byte*) + Frames.Size - 1) / Frames.Size);
        if (table == 0)
            return false;
        s_rings = (byte**)DirectMap.At(table);
        while (s_free < Kept)
        {
            byte* ring = Allocate(Size);
            if (ring == null)
                return false;
            s_rings[s_free] = ring;
            s_free++;
        }
        return true;
    }

    /// <summary>
    /// <see cref="Link.TakeRing"/>. Longer ones, the queues of datagram sockets, come from the page frames.
    /// </summary>
    public static byte* Take(void* context, int length, bool reserved)
    {
        if (length > Size)
        {
            int most = s_capacity / QueueShare - (reserved ? 0 : ReservedQueues);
            byte* queue = s_queues < most && HasFrames(length) ? Allocate(length) : null;
            s_queues += queue != null ? 1 : 0;
            return queue;
        }
        if (s_resting > 0 && Network.IsTransmitted)
        {
            while (s_resting > 0)
            {
                byte* rested = s_rings[s_capacity - s_resting];
                s_resting--;
                Keep(rested);
            }
        }
        int kept = reserved ? 0 : Reserved;
        byte* ring = null;
        if (s_free > kept)
        {
            s_free--;
            ring = s_rings[s_free];
        }
        else if (s_free + s_resting + s_lent < s_capacity && HasFrames(length))
            ring = Allocate(Size);
        if (ring != null)
            s_lent++;
        return ring;
    }

    /// <summary>Bytes of the long ring.</summary>
    public const int LongSize = 256 * 1024;

    /// <summary>
    /// Lends a connection the one long ring for sending, to its end, if nobody has it and there is memory for it. It is
    /// in frames that no checkpoint has, so what is written to it while a guest sends itself is not sent once more, and
    /// it is never given back: a device may still read it when its connection has ended.
    /// </summary>
    public static void LendLong(int socket)
    {
        if (s_longIsLent)
            return;
        if (s_long == null && HasFrames(LongSize))
        {
            ulong block = Frames.AllocateExcluded(LongSize / Frames.Size);
            s_long = block == 0 ? null : DirectMap.At(block);
        }
        s_longIsLent = s_long != null && Network.Stack->LendSendRing(socket, s_long, LongSize) == 0;
    }

    /// <summary><see cref="Link.GiveRing"/>.</summary>
    public static void Give(void* context, byte* ring, int length, bool sent)
    {
        if (ring == s_long)
        {
            s_longIsLent = false;
            return;
        }
        if (length > Size)
        {
            s_queues--;
            Release(ring, length);
            return;
        }
        s_lent--;
        if (!sent || Network.IsTransmitted)
        {
            Keep(ring);
            return;
        }
        s_resting++;
        s_rings[s_capacity - s_resting] = ring;
    }

    /// <summary>
    /// Rings that nobody holds now: their content means nothing, though a device may still read the last of them.
    /// </summary>
    public static int Idle => s_free + s_resting;

    public static byte* IdleRing(int index) =>
        index < s_free ? s_rings[index] : s_rings[s_capacity - 1 - (index - s_free)];

    private static void Keep(byte* ring)
    {
        if (s_free < Kept)
        {
            s_rings[s_free] = ring;
            s_free++;
        }
        else
            Release(ring, Size);
    }

    private static bool HasFrames(int length) => Frames.Free > Frames.UserFloor + (ulong)(length / Frames.Size);

    private static byte* Allocate(int length)
    {
        ulong block = Frames.AllocateContiguous(length / Frames.Size);
        return block == 0 ? null : DirectMap.At(block);
    }

    private static void Release(byte* ring, int length)
    {
        for (int offset = 0; offset < length; offset += Frames.Size)
            Frames.Release(DirectMap.PhysicalOf(ring + offset));
    }
}
