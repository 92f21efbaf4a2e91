using System;
using System.Runtime.InteropServices;
using System.Text;
using Wire;

namespace Tokenbroker.Tests;

/// <summary>Redemption certificates as a node signs them.</summary>
internal static class Certificates
{
    /// <param name="elements">Paid, of the last chain.</param>
    /// <param name="seconds">Of existence, and nothing else was used.</param>
    internal static string Refunded(string name, long unused, string key, long elements, long seconds)
    {
        StatementFields fields = new()
        {
            State = AccountState.Refunded, Unused = (ulong)unused, Count = (uint)elements,
        };
        fields.Used[(int)Resource.Existence] = (ulong)seconds;
        Convert.FromHexString(name).CopyTo(fields.Machine.Room);
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<StatementFields>(ref fields));
        Statement.Sign(bytes, new HmacSha1(Encoding.ASCII.GetBytes(key)));
        return Convert.ToHexStringLower(bytes);
    }

    /// <summary>The digest with these bytes.</summary>
    internal static ref readonly Digest AsDigest(ReadOnlySpan<byte> bytes) => ref MemoryMarshal.AsRef<Digest>(bytes);
}
