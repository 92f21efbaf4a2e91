using System.IO;
using System.Linq;
using Selftest;
using Testing;
using Xunit;

namespace Corelib.Tests;

public class ImageTests
{
    [Fact]
    public void AStaticLinuxProgramSaysHelloAndIsSmall()
    {
        Assert.Equal((0, "hello from freestanding C#\n"), ImageBuild.Run(Repository.Image("hello"), "", 10));
        Assert.InRange(new FileInfo(Repository.Image("hello")).Length, 1, 16 * 1024);
    }

    [Fact]
    public void AMachineImageSaysHelloOnQemu()
    {
        var (_, output) = ImageBuild.Run("qemu-system-x86_64", "-M microvm,acpi=off,pit=off,pic=off,rtc=on,isa-serial=on -accel tcg -cpu Nehalem-v1 -m 64 "
            + $"-kernel {Repository.Image("hello-pvh")} -nodefaults -serial stdio -display none -no-reboot", 60);
        Assert.Contains("hello from a machine of freestanding C#, start info 00000000336ec578", output);
    }

    [Fact]
    public void TheCoreLibraryMeansWhatTheRealOneMeans()
    {
        var (code, output) = ImageBuild.Run(Repository.Image("selftest"), "", 30);
        var expected = Enumerable.Range(0, Checks.Groups).Select(group => Checks.Run(group).ToString("x16"));
        Assert.Equal(expected, output.TrimEnd('\n').Split('\n'));
        Assert.Equal(0, code);
    }

    [Fact]
    public void AnIndexOutsideASpanEndsTheProgram()
    {
        var (code, output) = ImageBuild.Run(Repository.Image("selftest"), "break", 10);
        Assert.Equal(128 + 4, code); // SIGILL
        Assert.Equal("", output);
    }

    [Theory]
    [InlineData("ALLOCATION")]
    [InlineData("ARRAY")]
    [InlineData("BOXING")]
    [InlineData("THROW")]
    public void WhatNeedsARuntimeFailsTheBuild(string sin)
    {
        var (code, output) = ImageBuild.BuildForbidden(sin);
        Assert.NotEqual(0, code);
        Assert.Matches("no runtime for|does not link", output);
    }

    [Fact]
    public void TheSameImageWithoutTheSinBuilds()
    {
        var (code, output) = ImageBuild.BuildForbidden("NONE");
        Assert.True(code == 0, output);
    }

    [Fact]
    public void NothingWritableIsExecutable()
    {
        var (_, output) = ImageBuild.Run("readelf", $"-lW {Repository.Image("hello")}", 10);
        Assert.DoesNotContain("RWE", output);
        Assert.DoesNotContain("DYNAMIC", output);
        Assert.DoesNotContain("INTERP", output);
    }
}
