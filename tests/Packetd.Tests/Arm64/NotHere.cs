using Xunit;

namespace Packetd.Tests;

/// <summary>Stands for the tests of packetd for arm64 where they can not be.</summary>
public class NotHere
{
    [Fact(Skip = "needs binutils-aarch64-linux-gnu and qemu-user-static")]
    public void Packetd_for_arm64()
    {
    }
}
