using System;

namespace Netstack;

/// <summary>What is known of a range that was sent (RFC 8985 §5.1).</summary>
[Flags]
internal enum SentMarks : uint
{
    /// <summary>It is thought to be on its way.</summary>
    None = 0,

    /// <summary>The peer has it (RFC 2018).</summary>
    Sacked = 1,

    /// <summary>It is thought lost, and was not sent again yet.</summary>
    Lost = 2,

    /// <summary>It was sent more than once.</summary>
    Retransmitted = 4,
}

/// <summary>A range of the stream that was sent at about one time. It begins where the one before it ends.</summary>
internal struct SentRange
{
    /// <summary>Its size in words of 32 bits.</summary>
    public const int Words = 3;

    public uint End;

    /// <summary>When it was sent last, in <see cref="TcpScoreboard.Ticks"/>.</summary>
    public uint Time;
    public SentMarks Marks;
}
