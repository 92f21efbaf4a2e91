using Iced.Intel;

namespace Domain;

/// <summary>x87 and the state save instructions.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private bool TranslateFpu(in Instruction i) => NotKnown(in i);
}
