using Domain.Host;
using Xunit;

namespace Domain.Tests;

public class CommandLineTests
{
    [Fact]
    public void Understands_what_the_daemon_says()
    {
        var options = CommandLine.Parse(["--kernel", "fw", "--memory", "96", "--mac", "02:45:0a:00:00:05", "--net-fd", "3", "--control-fd", "4", "--offload", "off", "--append", "a=b c"]);
        Assert.Equal(("fw", 96ul, 3, 4, false, "a=b c"), (options.Kernel, options.MemoryMib, options.NetDescriptor, options.ControlDescriptor, options.Offload, options.Append));
        Assert.Equal(new byte[] { 2, 0x45, 10, 0, 0, 5 }, options.Mac);
    }

    [Fact]
    public void Takes_values_behind_an_equals_sign()
    {
        var options = CommandLine.Parse(["--kernel=k", "--append=x=y", "--console=none", "--log-level=debug"]);
        Assert.Equal(("k", "x=y", false, LogLevel.Debug), (options.Kernel, options.Append, options.ConsoleStdio, options.LogLevel));
    }

    [Theory]
    [InlineData("no --kernel")]
    [InlineData("unknown argument", "--kernle", "x")]
    [InlineData("unknown argument", "stray")]
    [InlineData("needs a value", "--kernel")]
    [InlineData("takes no value", "--no-sandbox=yes")]
    [InlineData("from 8 to 3072", "--kernel", "x", "--memory", "4")]
    [InlineData("from 8 to 3072", "--kernel", "x", "--memory", "-64")]
    [InlineData("from 8 to 3072", "--kernel", "x", "--memory", "99999999999")]
    [InlineData("must look like", "--kernel", "x", "--mac", "02:45:00:00:00")]
    [InlineData("must look like", "--kernel", "x", "--mac", "02:45:00:00:00:zz")]
    [InlineData("group address", "--kernel", "x", "--mac", "03:45:00:00:00:01")]
    [InlineData("must be off or on", "--kernel", "x", "--offload", "maybe")]
    [InlineData("exclude each other", "--kernel", "x", "--tap", "t", "--net-fd", "3")]
    [InlineData("same descriptor", "--kernel", "x", "--control-fd", "3", "--net-fd", "3")]
    [InlineData("needs --disk", "--kernel", "x", "--disk-read-only")]
    public void Refuses_with_a_sentence(string sentence, params string[] arguments) =>
        Assert.Contains(sentence, Assert.Throws<UsageError>(() => CommandLine.Parse(arguments)).Message);
}
