using System;

namespace Guestos;

/// <summary>How decompressing ended.</summary>
public enum UnpackResult
{
    Done,

    /// <summary>The input ends before the stream does.</summary>
    Cut,

    /// <summary>Something that no compressor writes, or a checksum that is wrong.</summary>
    Damaged,

    /// <summary>Well-formed, but asks for a dictionary or a window that is not given.</summary>
    NotSupported,
    NoMemory,

    /// <summary>The sink took no more.</summary>
    Refused,
}

/// <summary>Takes what a decompressor gives, in order.</summary>
public interface IByteSink
{
    /// <summary>False: stop.</summary>
    bool Take(ReadOnlySpan<byte> bytes);
}
