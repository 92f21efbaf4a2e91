using System.Collections.Generic;
using System.Globalization;

namespace Evilman.Demo;

/// <summary>What became of the money in the story of a paid machine, in units, and its last line.</summary>
/// <param name="Sold">As the customer's ledger says.</param>
/// <param name="Burned">As the nodes say, whose certificates count what was used.</param>
/// <param name="Refunded">As the nodes' certificates say.</param>
/// <param name="Breakage">As the broker's books say.</param>
/// <param name="MintedTwice">Elements that nodes took or the customer holds, and the broker has not sold.</param>
/// <param name="UnpaidSeconds">That the machine ran after its last token, by the node's own count.</param>
internal sealed record TokenResult(long Sold, long Burned, long Refunded, long Breakage, long MintedTwice,
    long UnpaidSeconds)
{
    /// <summary>Why the story did not show what it should; empty when it did.</summary>
    internal List<string> Complaints { get; } = [];

    internal bool Good => Complaints.Count == 0;

    /// <summary>Units that were sold and that nobody has.</summary>
    internal long Lost => Sold - Burned - Refunded - Breakage;

    internal string LastLine => string.Create(CultureInfo.InvariantCulture,
        $"demo-tokens: {(Good ? "ok" : "failed")} sold={Sold} burned={Burned} refunded={Refunded} ")
        + string.Create(CultureInfo.InvariantCulture,
            $"breakage={Breakage} lost={Lost} minted_twice={MintedTwice} unpaid_s={UnpaidSeconds}");
}
