using System.Runtime.Intrinsics.X86;
using Xunit;

namespace Guestos.Tests;

/// <summary>System calls against the host's answers: of all kinds, and of memory, signals, threads, limits, priorities and local sockets in depth.</summary>
public class AnswersTests
{
    [Theory]
    [InlineData("qemu", "answers")]
    [InlineData("domain", "answers")]
    [InlineData("qemu", "processes")]
    [InlineData("domain", "processes")]
    [InlineData("qemu", "threads")]
    [InlineData("domain", "threads")]
    [InlineData("qemu", "sockets")]
    [InlineData("domain", "sockets")]
    [InlineData("qemu", "inet6")]
    [InlineData("domain", "inet6")]
    [InlineData("qemu", "local")]
    [InlineData("domain", "local")]
    [InlineData("qemu", "descriptors")]
    [InlineData("domain", "descriptors")]
    [InlineData("qemu", "mappings")]
    [InlineData("domain", "mappings")]
    [InlineData("qemu", "ptys")]
    [InlineData("domain", "ptys")]
    [InlineData("qemu", "netlink")]
    [InlineData("domain", "netlink")]
    [InlineData("qemu", "floats")]
    [InlineData("domain", "floats")]
    [InlineData("qemu", "ipc")]
    [InlineData("domain", "ipc")]
    [InlineData("qemu", "lesser")]
    [InlineData("domain", "lesser")]
    [InlineData("qemu", "inotify")]
    [InlineData("domain", "inotify")]
    [InlineData("qemu", "owners")]
    [InlineData("domain", "owners")]
    [InlineData("qemu", "inheritance")]
    [InlineData("domain", "inheritance")]
    [InlineData("qemu", "details")]
    [InlineData("domain", "details")]
    [InlineData("qemu", "particulars")]
    [InlineData("domain", "particulars")]
    [InlineData("qemu", "heirs")]
    [InlineData("domain", "heirs")]
    [InlineData("qemu", "capabilities")]
    [InlineData("domain", "capabilities")]
    [InlineData("qemu", "tracing")]
    [InlineData("domain", "tracing")]
    [InlineData("qemu", "restarts")]
    [InlineData("domain", "restarts")]
    [InlineData("qemu", "socketlist")]
    [InlineData("domain", "socketlist")]
    [InlineData("qemu", "requests")]
    [InlineData("domain", "requests")]
    [InlineData("qemu", "realtime")]
    [InlineData("domain", "realtime")]
    public void GuestAnswersAsTheHostDoes(string monitor, string program) => Witness.Agrees(monitor, program, "all answers given", memory: 96);

    /// <summary>What x86-64-v3 adds with YMM registers, over system calls, switches, signals and new programs; of the host where it has them.</summary>
    [Avx2Fact]
    public void VectorsAreKeptAsTheHostKeepsThem() => Witness.Agrees("domain", "vectors", "all answers given", memory: 96);

    private sealed class Avx2FactAttribute : FactAttribute
    {
        public Avx2FactAttribute() => Skip = Avx2.IsSupported && Fma.IsSupported ? null : "the host has no AVX2 with FMA";
    }
}
