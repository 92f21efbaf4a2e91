using Testing;
using Xunit;

namespace Netstack.Tests;

/// <summary>The same sources without a runtime, a heap or a libc, as the image of tests/images/NetstackFreestanding.</summary>
public sealed class FreestandingTests
{
    [Fact]
    public void TwoStacksTalkInAFreestandingImage() => Programs.Run(Repository.Image("netstack-freestanding"));
}
