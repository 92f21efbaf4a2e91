namespace Wire;

/// <summary>Which check refused a magic ping. Numbers are on the wire; docs/protocols.md has the order.</summary>
public enum Refusal : byte
{
    None = 0,
    Truncated = 1,
    TrailingBytes = 2,
    UnknownVersion = 3,
    UnknownKind = 4,
    Malformed = 5,
    WrongNode = 6,
    TooEarly = 7,
    Expired = 8,
    IssuedBeforeStart = 9,
    MemoryTooLarge = 10,
    ChainTooLong = 11,
    BadSignature = 12,
    Replayed = 13,
    ChainBroken = 14,
    AddressNotAllowed = 15,
    AddressInUse = 16,
    TooManyDomains = 17,

    // 18 has been another refusal, and is not given out again.
    StartFailed = 19,
    NoSuchDomain = 20,
    UnknownTokenVersion = 21,
    DiskNotGiven = 22,
    CpuShareNotGiven = 23,
    AlreadyPaid = 24,
    TooMuchPaid = 25,
    WrongSecret = 26,
    OtherChain = 27,
}

/// <summary>The sentences that people read. The node passes the number on: in its answer and its log.</summary>
public static class RefusalSentences
{
    public static string Sentence(this Refusal refusal) => refusal switch
    {
        Refusal.None => "The node accepted the request.",
        Refusal.Truncated => "The magic ping is shorter than its kind needs.",
        Refusal.TrailingBytes => "The magic ping has bytes after its body.",
        Refusal.UnknownVersion => "The node does not know this version of the magic ping.",
        Refusal.UnknownKind => "The node does not know this kind of magic ping.",
        Refusal.Malformed => "The request is malformed.",
        Refusal.WrongNode => "The request is for another node.",
        Refusal.TooEarly => "The boot token is not valid yet: its issue time is in the node's future.",
        Refusal.Expired => "The boot token has expired.",
        Refusal.IssuedBeforeStart => "The boot token is older than the node's memory of used tokens.",
        Refusal.MemoryTooLarge => "The boot token asks for more memory than the node gives.",
        Refusal.ChainTooLong =>
            "The request brings more elements than the node verifies at once, or a payment is that far from the last.",
        Refusal.BadSignature => "The signature of the request is wrong.",
        Refusal.Replayed => "The boot token has been used already.",
        Refusal.ChainBroken => "The chain of elements in the request is broken.",
        Refusal.AddressNotAllowed => "The boot token claims an address that no domain may have.",
        Refusal.AddressInUse => "The boot token claims an address that another domain has.",
        Refusal.TooManyDomains => "The node is full: it runs as many domains as it may.",
        Refusal.StartFailed => "The node could not start the machine.",
        Refusal.NoSuchDomain => "The node runs no domain with this chain.",
        Refusal.UnknownTokenVersion => "The node does not know this version of the boot token.",
        Refusal.DiskNotGiven => "The boot token asks for a disk, and the node gives none.",
        Refusal.CpuShareNotGiven => "The boot token asks for a share of a processor that the node does not give.",
        Refusal.AlreadyPaid => "This element of the chain, or a later one, has been paid already.",
        Refusal.TooMuchPaid => "The machine has been paid as much as the node can count.",
        Refusal.WrongSecret => "The secret is not the one that the boot token promises the refund to.",
        Refusal.OtherChain => "The continuation follows another chain than the one that the machine is paid with.",
        _ => "The node refused the request for a reason that this program does not know.",
    };
}
