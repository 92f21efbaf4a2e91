using Xunit;

namespace Netstack.Tests;

/// <summary>The same sources without a runtime, a heap or a libc: builds the image of tests/images/NetstackFreestanding and runs it.</summary>
public sealed class FreestandingTests
{
    [Fact]
    public void TwoStacksTalkInAFreestandingImage() => Images.Succeeds(Images.Build("NetstackFreestanding", "netstack-freestanding"), "");
}
