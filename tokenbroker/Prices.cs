using System.Collections.Generic;

namespace Tokenbroker;

/// <summary>What one of each resource costs, in units; tokens have the first four (docs/protocols.md).</summary>
/// <param name="Share">Of a hundredth of a processor that a machine may use, in a second.</param>
internal sealed record Prices(long Cpu, long Memory, long Network, long Existence, long Share = 0)
{
    /// <summary>As a token has them.</summary>
    internal IReadOnlyList<uint> OfResources => [(uint)Cpu, (uint)Memory, (uint)Network, (uint)Existence];

    /// <summary>As a token for such a share has them: the share is paid with each second of existence.</summary>
    internal Prices Of(long cpuPercent) => this with { Existence = checked(Existence + Share * cpuPercent), Share = 0 };
}
