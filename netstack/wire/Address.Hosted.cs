using System;
using System.Buffers.Binary;
using System.Net;

namespace Netstack;

/// <summary>What ordinary programs want of a value: comparing it, and showing it.</summary>
public readonly partial struct Address : IEquatable<Address>
{
    public bool Equals(Address other) => this == other;

    public override bool Equals(object? obj) => obj is Address other && this == other;

    public override int GetHashCode() => HashCode.Combine(High, Low);

    public override string ToString()
    {
        byte[] bytes = new byte[Length6];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), Low);
        IPAddress address = new(bytes);
        return (IsIpv4 ? address.MapToIPv4() : address).ToString();
    }
}
