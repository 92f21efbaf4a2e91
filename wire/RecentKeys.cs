using System;
using System.Runtime.CompilerServices;

namespace Wire;

/// <summary>
/// The ephemeral keys of the first messages that were answered last. Who has recorded a message and repeats it is known
/// by its key, which an honest client uses once.
/// </summary>
public struct RecentKeys
{
    public const int Capacity = 64;

    [InlineArray(Capacity * X25519.KeySize)]
    private struct Ring
    {
        private byte first;
    }

    private Ring ring;
    private int count;
    private int next;

    public bool Contains(ReadOnlySpan<byte> key)
    {
        Span<byte> keys = ring;
        for (int i = 0; i < count; i++)
        {
            if (keys.Slice(i * X25519.KeySize, X25519.KeySize).SequenceEqual(key.Slice(0, X25519.KeySize)))
                return true;
        }
        return false;
    }

    /// <summary>
    /// Takes the place of the oldest. Only of a message that was made with the key: strangers would fill it with
    /// others.
    /// </summary>
    public void Add(ReadOnlySpan<byte> key)
    {
        Span<byte> keys = ring;
        key.Slice(0, X25519.KeySize).CopyTo(keys.Slice(next * X25519.KeySize, X25519.KeySize));
        next = (next + 1) % Capacity;
        count = Math.Min(count + 1, Capacity);
    }
}
