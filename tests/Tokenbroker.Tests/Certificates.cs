using System;
using System.Runtime.InteropServices;
using System.Text;
using Wire;

namespace Tokenbroker.Tests;

/// <summary>Redemption certificates as a node signs them.</summary>
internal static class Certificates
{
    internal static string Refunded(string name, long unused, string key)
    {
        StatementFields fields = new() { State = AccountState.Refunded, Unused = (ulong)unused };
        Convert.FromHexString(name).CopyTo(fields.Machine.Room);
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<StatementFields>(ref fields));
        Statement.Sign(bytes, new HmacSha1(Encoding.ASCII.GetBytes(key)));
        return Convert.ToHexStringLower(bytes);
    }

    /// <summary>The digest with these bytes.</summary>
    internal static ref readonly Digest AsDigest(ReadOnlySpan<byte> bytes) => ref MemoryMarshal.AsRef<Digest>(bytes);
}
