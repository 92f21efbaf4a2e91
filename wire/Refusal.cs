namespace Wire;

/// <summary>Which check refused a magic ping, in the order in which a node checks. Numbers are on the wire.</summary>
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
    TooManyTokens = 18,
    StartFailed = 19,
    NoSuchDomain = 20,
}

/// <summary>The sentences that people read. Freestanding programs pass the number on.</summary>
public static class RefusalSentences
{
    public static string Sentence(this Refusal refusal) => refusal switch
    {
        Refusal.None => "The node accepted the token.",
        Refusal.Truncated => "The magic ping is shorter than its kind needs.",
        Refusal.TrailingBytes => "The magic ping has bytes after the token.",
        Refusal.UnknownVersion => "The node does not know this version of the magic ping.",
        Refusal.UnknownKind => "The node does not know this kind of magic ping.",
        Refusal.Malformed => "The boot token is malformed.",
        Refusal.WrongNode => "The boot token is for another node.",
        Refusal.TooEarly => "The boot token is not valid yet: its issue time is in the node's future.",
        Refusal.Expired => "The boot token has expired.",
        Refusal.IssuedBeforeStart => "The boot token was issued before the node started.",
        Refusal.MemoryTooLarge => "The boot token asks for more memory than the node gives.",
        Refusal.ChainTooLong => "The boot token carries more tokens than the node verifies at once.",
        Refusal.BadSignature => "The signature of the boot token is wrong.",
        Refusal.Replayed => "The boot token has been used already.",
        Refusal.ChainBroken => "The token chain of the boot token is broken.",
        Refusal.AddressNotAllowed => "The boot token claims an address that no domain may have.",
        Refusal.AddressInUse => "The boot token claims an address that another domain has.",
        Refusal.TooManyDomains => "The node is full: it runs as many domains as it may.",
        Refusal.TooManyTokens => "The node's memory of used tokens is full: try again when some have expired.",
        Refusal.StartFailed => "The node could not start the machine.",
        Refusal.NoSuchDomain => "The node runs no domain with this chain.",
        _ => "The node refused the token for a reason that this program does not know.",
    };
}
