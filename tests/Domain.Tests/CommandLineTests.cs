using System;
using Domain.Host;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace Domain.Tests;

public class CommandLineTests(ITestOutputHelper output)
{
    [Fact]
    public void Understands_what_the_daemon_says()
    {
        var options = CommandLine.Parse(["--kernel", "fw", "--memory", "96", "--mac", "02:45:0a:00:00:05", "--net-fd", "3", "--control-fd", "4", "--offload", "off", "--append", "a=b c"]);
        Assert.Equal(("fw", 96ul, 3, 4, false, "a=b c"), (options.Kernel, options.MemoryMib, options.NetDescriptor, options.ControlDescriptor, options.Offload, options.Append));
        Assert.Equal(new byte[] { 2, 0x45, 10, 0, 0, 5 }, options.Mac);
    }

    [Fact]
    public void The_second_start_has_the_same_engine()
    {
        foreach ((string[] engine, bool? translates) in new (string[], bool?)[] { (["--engine", "interpreter"], false), (["--engine", "translator"], true), ([], null) })
        {
            var first = CommandLine.Parse(["--kernel", "k", .. engine]);
            first.KernelDescriptor = 5;
            Assert.Equal(translates, first.Translates);
            Assert.Equal(translates, CommandLine.Parse(first.WithDescriptors().ToArray(), true).Translates);
        }
    }

    [Fact]
    public void The_second_start_has_the_same_processor()
    {
        foreach ((string[] cpu, bool isPlain) in new (string[], bool)[] { (["--cpu", "x86-64-v2"], true), (["--cpu", "host"], false), ([], false) })
        {
            var first = CommandLine.Parse(["--kernel", "k", .. cpu]);
            first.KernelDescriptor = 5;
            Assert.Equal(isPlain, first.IsPlainProcessor);
            Assert.Equal(isPlain, CommandLine.Parse(first.WithDescriptors().ToArray(), true).IsPlainProcessor);
        }
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
    [InlineData("--kernel must name a file, not \"\"", "--kernel", "")]
    [InlineData("--initrd must name a file, not \"\"", "--kernel", "x", "--initrd=")]
    [InlineData("--disk must name a file, not \"\"", "--kernel", "x", "--disk", "")]
    [InlineData("--tap must name an interface, not \"\"", "--kernel", "x", "--tap", "")]
    [InlineData("--log-level must be error, info or debug, not \"loud\"", "--kernel", "x", "--log-level", "loud")]
    [InlineData("--net-fd must be a number from 3 to 1023, not \"0\"", "--kernel", "x", "--net-fd", "0")]
    [InlineData("--memory must be a number of MiB from 8 to 3072, not \"4\"", "--kernel", "x", "--memory", "4")]
    [InlineData("from 8 to 3072", "--kernel", "x", "--memory", "-64")]
    [InlineData("from 8 to 3072", "--kernel", "x", "--memory", "99999999999")]
    [InlineData("must look like", "--kernel", "x", "--mac", "02:45:00:00:00")]
    [InlineData("must look like", "--kernel", "x", "--mac", "02:45:00:00:00:zz")]
    [InlineData("group address", "--kernel", "x", "--mac", "03:45:00:00:00:01")]
    [InlineData("must be off or on", "--kernel", "x", "--offload", "maybe")]
    [InlineData("--engine must be interpreter or translator, not \"jit\"", "--kernel", "x", "--engine", "jit")]
    [InlineData("exclude each other", "--kernel", "x", "--tap", "t", "--net-fd", "3")]
    [InlineData("same descriptor", "--kernel", "x", "--control-fd", "3", "--net-fd", "3")]
    [InlineData("--cpu must be host or x86-64-v2, not \"486\"", "--kernel", "x", "--cpu", "486")]
    [InlineData("needs --disk", "--kernel", "x", "--disk-read-only")]
    public void Refuses_with_a_sentence(string sentence, params string[] arguments) =>
        Assert.Contains(sentence, Assert.Throws<UsageError>(() => CommandLine.Parse(arguments)).Message);

    private static readonly string[] s_words =
    [
        "--kernel", "--initrd", "--append", "--memory", "--engine", "translator", "--cpu", "host", "--disk", "--disk-read-only", "--tap", "--net-fd", "--mac",
        "--offload", "--console", "--control-fd", "--no-sandbox", "--log-level", "--parent", "--kernel-fd",
        "--initrd-fd", "--disk-fd", "--", "-", "", "=", "--=", "on", "off", "stdio", "none", "error", "info", "3",
        "4", "0", "-1", "1023", "64", "3072", "99999999999999999999", "02:45:00:00:00:01", ":", "3:x", "9:1",
        "/nowhere/at/all", "/", "/dev/null", "/etc/passwd", "a\nb", "\u0007", "\ud800", "\u00e9", "--kernel=/",
        "--memory=8", "%s%n",
    ];

    private static string[] Some(Random random)
    {
        string[] arguments = new string[random.Next(1, 8)];
        for (int i = 0; i < arguments.Length; i++)
        {
            string word = s_words[random.Next(s_words.Length)];
            arguments[i] = random.Next(8) switch
            {
                0 => word + s_words[random.Next(s_words.Length)],
                1 => word + "=" + s_words[random.Next(s_words.Length)],
                2 => new string((char)random.Next(1, 0xd800), random.Next(1, 300)),
                _ => word,
            };
        }
        return arguments;
    }

    [Fact]
    public void Ten_thousand_random_command_lines_are_understood_or_refused()
    {
        int refused = 0;
        var run = new RandomRun(10_000);
        while (run.Next())
        {
            string[] arguments = Some(run.Random);
            try
            {
                CommandLine.Parse(arguments, second: run.Random.Next(2) == 0);
            }
            catch (UsageError error)
            {
                Assert.NotEmpty(error.Message);
                refused++;
            }
            catch (Exception error)
            {
                Assert.Fail($"{run}, \"{string.Join("\" \"", arguments)}\": {error}");
            }
        }
        output.WriteLine($"domain: {run}");
        Assert.InRange(refused, run.Begun / 2, run.Begun);
    }

    [Fact]
    public void The_program_says_one_sentence_whatever_is_typed()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        for (int i = 0; i < 200; i++)
        {
            string[] arguments = Some(random);
            var result = Monitor.Run(arguments);
            string line = $"seed {seed}, \"{string.Join("\" \"", arguments)}\": {result}";
            Assert.True(result.ExitCode == 1 && result.Output == "", line);
            Assert.StartsWith("domain: ", result.Errors);
            Assert.True(result.Errors.IndexOf('\n') == result.Errors.Length - 1, line);
            Assert.False(result.Errors.Contains("   at ") || result.Errors.Contains("Exception"), line);
        }
    }
}
