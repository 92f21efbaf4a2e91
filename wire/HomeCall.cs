using System;

namespace Wire;

/// <summary>What the home node says of a machine that it watches. Numbers are on the wire.</summary>
public enum HomeVerdict : byte
{
    /// <summary>In a request, which carries no verdict.</summary>
    None = 0,

    /// <summary>It is paid, or has enough.</summary>
    Paid = 1,

    /// <summary>Not paid: the job has not advanced for too long.</summary>
    Stalled = 2,

    /// <summary>Not paid: the budget is used up.</summary>
    OverBudget = 3,

    /// <summary>Not paid: the deadline is over.</summary>
    PastDeadline = 4,
}

/// <summary>
/// How a guest calls home for more tokens (thesis §8.2, figure 8.2; docs/protocols.md, "Home"): a datagram, and one of
/// the same size as the answer. Nothing in it is a secret, and nothing is paid because of it that home would not pay
/// anyway.
/// </summary>
public struct HomeCall
{
    /// <summary>Of UDP.</summary>
    public const ushort Port = 1709;

    public const int Size = 48;

    private const uint RequestMagic = 0x51485645; // "EVHQ"
    private const uint AnswerMagic = 0x41485645; // "EVHA"
    private const ushort Version = 1;

    private const int VerdictAt = 6;
    private const int NumberAt = 8;
    private const int NodeAt = 16;
    private const int MachineAt = 24;

    /// <summary>The answer's is that of its request, which nobody can guess who has not seen it.</summary>
    public ulong Number;

    /// <summary>With an answer; otherwise <see cref="HomeVerdict.None"/>.</summary>
    public HomeVerdict Verdict;

    /// <summary>With an answer: the node that the machine runs on, in host order; otherwise 0.</summary>
    public uint Node;

    /// <summary>
    /// The name of the machine that the guest runs in: in a request the one that it knows of, zeros for none.
    /// </summary>
    public Digest Machine;

    public static bool TryParseRequest(ReadOnlySpan<byte> bytes, out HomeCall call) =>
        TryParse(bytes, RequestMagic, out call) && call.Verdict == HomeVerdict.None && call.Node == 0;

    public static bool TryParseAnswer(ReadOnlySpan<byte> bytes, out HomeCall call) =>
        TryParse(bytes, AnswerMagic, out call) && call.Verdict is > HomeVerdict.None and <= HomeVerdict.PastDeadline;

    private static bool TryParse(ReadOnlySpan<byte> bytes, uint magic, out HomeCall call)
    {
        call = default;
        if (bytes.Length != Size
            || Bytes.Le32(bytes, 0) != magic
            || Bytes.Le16(bytes, 4) != Version
            || bytes[7] != 0
            || Bytes.Le32(bytes, 20) != 0
            || Bytes.Le32(bytes, 44) != 0)
            return false;
        call.Verdict = (HomeVerdict)bytes[VerdictAt];
        call.Number = Bytes.Le64(bytes, NumberAt);
        call.Node = Bytes.Be32(bytes, NodeAt);
        bytes.Slice(MachineAt, HashChain.ElementSize).CopyTo(call.Machine.Room);
        return true;
    }

    /// <param name="to">Of <see cref="Size"/>.</param>
    public void EmitRequest(Span<byte> to) => Emit(to, RequestMagic);

    /// <inheritdoc cref="EmitRequest"/>
    public void EmitAnswer(Span<byte> to) => Emit(to, AnswerMagic);

    private void Emit(Span<byte> to, uint magic)
    {
        to.Slice(0, Size).Clear();
        Bytes.PutLe32(to, 0, magic);
        Bytes.PutLe16(to, 4, Version);
        to[VerdictAt] = (byte)Verdict;
        Bytes.PutLe64(to, NumberAt, Number);
        Bytes.PutBe32(to, NodeAt, Node);
        Machine.Bytes.CopyTo(to.Slice(MachineAt));
    }
}
