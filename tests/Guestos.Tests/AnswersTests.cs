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
    [InlineData("qemu", "heirs")]
    [InlineData("domain", "heirs")]
    [InlineData("qemu", "tracing")]
    [InlineData("domain", "tracing")]
    public void GuestAnswersAsTheHostDoes(string monitor, string program) => Witness.Agrees(monitor, program, "all answers given", memory: 96);
}
