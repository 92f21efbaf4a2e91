using System.Linux;
using System.Runtime.CompilerServices;

namespace Packetd;

/// <summary>All the memory that packetd works with: as large as it will ever be, and zero at start.</summary>
internal struct Tables
{
    public PollTable Polls;
    public ProcessTable Processes;
    public DomainTable Domains;
    public TokenTable Tokens;
    public AccountTable Accounts;
    public AllowanceTable Allowances;
    public PacketBuffer Buffer;
}

[InlineArray(2 + Options.DomainCapacity)]
internal struct PollTable
{
    private PollDescriptor first;
}

[InlineArray(Options.DomainCapacity)]
internal struct ProcessTable
{
    private MachineProcess first;
}

[InlineArray(Options.DomainCapacity)]
internal struct DomainTable
{
    private Domain first;
}

[InlineArray(4096)]
internal struct TokenTable
{
    private UsedToken first;
}

[InlineArray(1024)]
internal struct AccountTable
{
    private Account first;
}

[InlineArray(Limiter.Size)]
internal struct AllowanceTable
{
    private ushort first;
}

/// <summary>With room for one byte too many, so that a packet that is too long is seen to be.</summary>
[InlineArray(Packet.MaxSize + 1)]
internal struct PacketBuffer
{
    private byte first;
}
