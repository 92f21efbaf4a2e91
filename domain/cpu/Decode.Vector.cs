using Iced.Intel;

namespace Domain;

/// <summary>SSE instructions.</summary>
internal sealed unsafe partial class BlockBuilder
{
    private bool TranslateVector(in Instruction i) => NotKnown(in i);
}
