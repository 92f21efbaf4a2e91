using System.IO;
using Testing;
using Xunit;

namespace Domain.Tests;

/// <summary>
/// /dev/net/tun, which some systems keep for root: who needs it says so in one sentence, and what root can do about it, before anything else
/// is done. The device of these tests lies in a mount namespace of their own.
/// </summary>
public sealed class TunDeviceTests
{
    /// <summary>Makes a device of that mode, takes the place of the real one by it, and goes on as the words say.</summary>
    private const string WithDevice = """
        set -e
        mount -t tmpfs tmpfs /dev/net
        [ "$0" = none ] || mknod -m "$0" /dev/net/tun c 10 200
        exec "$@"
        """;

    [RootTheory]
    [InlineData("600", "--tap: cannot open /dev/net/tun: permission denied; some systems keep it for root, who can open it to all: chmod 666 /dev/net/tun\n")]
    [InlineData("none", "--tap: cannot open /dev/net/tun: no such file; root can load its driver: modprobe tun\n")]
    // What the sentence says is what helps: the device is opened, and only has no interface of that name for this user.
    [InlineData("666", "--tap: cannot attach to tap0: operation not permitted\n")]
    public void An_ordinary_user_is_told_what_keeps_him_from_a_tap_interface(string mode, string sentence)
    {
        Monitor.Result result = Run(mode, "setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", Repository.Program("domain"), "--kernel", "/etc/passwd", "--tap", "tap0");
        Assert.Equal(1, result.ExitCode);
        Assert.EndsWith(sentence, result.Errors);
        Assert.Single(result.Errors.TrimEnd('\n').Split('\n'));
    }

    /// <summary>Its domain runs under an account without rights: that it never flows says nobody why.</summary>
    [RootTheory]
    [InlineData("600", "bench-overload: /dev/net/tun is not open to all users, and the domain runs as one: chmod 666 /dev/net/tun\n")]
    [InlineData("none", "bench-overload: there is no /dev/net/tun\n")]
    public void The_bench_of_overload_says_so_before_it_begins(string mode, string sentence)
    {
        Assert.True(File.Exists(Repository.Image("bench-flood")), "bench-flood is not built: make");
        Monitor.Result result = Run(mode, Path.Combine(Repository.Root, "bench", "overload"));
        Assert.Equal((1, "", sentence), (result.ExitCode, result.Output, result.Errors));
    }

    private static Monitor.Result Run(string mode, params string[] command) =>
        Monitor.Run(["--mount", "--propagation", "private", "bash", "-c", WithDevice, mode, .. command], program: "unshare");
}
