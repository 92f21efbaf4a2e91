using System;
using System.IO;
using Xunit;

namespace Packetd.Tests;

/// <summary>Everything that <see cref="BinaryTests"/> asks, of packetd for arm64.</summary>
[Collection("arm64")]
public class Arm64BinaryTests : BinaryTests
{
    public Arm64BinaryTests() => Platform.Emulate();
}

/// <summary>Everything that <see cref="FaultTests"/> asks, of packetd for arm64.</summary>
[Collection("arm64")]
public class Arm64FaultTests : FaultTests
{
    public Arm64FaultTests() => Platform.Emulate();
}

/// <summary>Everything that <see cref="ExhaustionTests"/> asks, of packetd for arm64.</summary>
[Collection("arm64")]
public class Arm64ExhaustionTests : ExhaustionTests
{
    public Arm64ExhaustionTests() => Platform.Emulate();
}

/// <summary>Everything that <see cref="StopTests"/> asks, of packetd for arm64.</summary>
public class Arm64StopTests : StopTests
{
    public Arm64StopTests() => Platform.Emulate();
}

/// <summary>What there is to ask of packetd for arm64 only.</summary>
[Collection("arm64")]
public class Arm64Tests
{
    public Arm64Tests() => Platform.Emulate();

    [RootFact]
    public void The_lab_runs_the_arm64_image()
    {
        using var lab = new Lab();
        Assert.Contains("qemu-aarch64", new FileInfo($"/proc/{lab.Pid}/exe").LinkTarget, StringComparison.Ordinal);
        Assert.Contains(Lab.Image("arm64/packetd"), File.ReadAllText($"/proc/{lab.Pid}/cmdline"), StringComparison.Ordinal);
        Assert.Equal(183, File.ReadAllBytes(Platform.Packetd)[18]); // EM_AARCH64
    }
}
