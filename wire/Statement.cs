using System;
using System.Runtime.InteropServices;

namespace Wire;

/// <summary>What has become of a machine that pays. Numbers are on the wire.</summary>
public enum AccountState : ushort
{
    /// <summary>It runs, and is paid.</summary>
    Running = 1,

    /// <summary>It runs, and nothing is left.</summary>
    Grace = 2,

    /// <summary>It does not run any more, and nothing was refunded.</summary>
    Ended = 3,

    /// <summary>It was ended for a refund: the statement is a redemption certificate.</summary>
    Refunded = 4,
}

/// <summary>
/// What a node says of a machine's account, with its signature: the answer to a query, and, when the state is <see
/// cref="AccountState.Refunded"/>, the redemption certificate of thesis §8.2. A view over <see cref="Size"/> bytes.
/// </summary>
public readonly ref struct Statement
{
    public const int Size = SignedSize + Sha1.DigestSize;
    public const uint Magic = 0x54535645; // "EVST"
    public const ushort Version = 1;

    private const int SignedSize = 80;

    private readonly ref readonly StatementFields fields;

    private Statement(in StatementFields fields) => this.fields = ref fields;

    public static bool TryParse(ReadOnlySpan<byte> bytes, out Statement statement)
    {
        statement = default;
        if (bytes.Length != Size)
            return false;
        statement = new Statement(in MemoryMarshal.AsRef<StatementFields>(bytes));
        return statement.fields.Magic == Magic && statement.fields.Version == Version;
    }

    /// <summary>Makes the fields a statement: all but magic, version and signature are there already.</summary>
    /// <param name="bytes">Those of the fields.</param>
    public static void Sign(Span<byte> bytes, in HmacSha1 key)
    {
        ref StatementFields fields = ref MemoryMarshal.AsRef<StatementFields>(bytes);
        fields.Magic = Magic;
        fields.Version = Version;
        key.Sign(bytes.Slice(0, SignedSize), fields.Signature.Room);
    }

    /// <summary>All of its bytes, the signature included.</summary>
    public ReadOnlySpan<byte> AsSpan() => MemoryMarshal.AsBytes(new ReadOnlySpan<StatementFields>(in fields));

    public AccountState State => fields.State;

    /// <summary>The machine's name: the chain end of the boot token that started it.</summary>
    public ref readonly Digest Machine => ref fields.Machine;

    /// <summary>How many elements of the present chain have been paid.</summary>
    public uint Count => fields.Count;

    /// <summary>What is left of all that was paid, in units; 0 in the time of grace.</summary>
    public ulong Unused => fields.Unused;

    /// <summary>Units that the machine cost in its last whole second.</summary>
    public ulong Rate => fields.Rate;

    /// <summary>What the machine has used until now, or until its end, in the unit of the resource's price.</summary>
    public ulong Used(Resource resource) => fields.Used[(int)resource];

    public bool SignedWith(in HmacSha1 key) => key.Verify(AsSpan().Slice(0, SignedSize), fields.Signature.Bytes);
}

/// <summary>A statement's bytes.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct StatementFields
{
    public uint Magic;
    public ushort Version;
    public AccountState State;
    public Digest Machine;
    public uint Count;
    public ulong Unused;
    public ulong Rate;
    public Quantities Used;
    public Digest Signature;
}
