using System;

namespace Tokenbroker.Storage;

/// <summary>
/// What a statement yields, one row after the other; columns by their number, from 0. Disposed by whoever ran the
/// statement, before its session runs the same one again.
/// </summary>
internal abstract class Row : IDisposable
{
    /// <summary>Goes to the next row, or the first one; false when there is none any more.</summary>
    internal abstract bool Next();

    internal abstract bool IsDBNull(int column);

    internal abstract long GetInt64(int column);

    internal abstract string GetString(int column);

    internal abstract byte[] Bytes(int column);

    internal long? Maybe(int column) => IsDBNull(column) ? null : GetInt64(column);

    public abstract void Dispose();
}
