using System;
using System.Diagnostics;
using System.IO;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using LiveMigration;
using Xunit;

namespace Evilman.Tests;

/// <summary>
/// The control socket of bench-live, which lets QEMU migrate a machine: whatever becomes of that QEMU is a sentence, for which the benchmark has
/// an exit code, and no exception of another kind.
/// </summary>
public sealed class QmpTests : IDisposable
{
    const string Greeting = """{"QMP":{"version":{},"capabilities":[]}}""" + "\n", Done = """{"return":{}}""" + "\n";

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-tests-");
    readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    readonly string path;

    public QmpTests()
    {
        path = Path.Combine(folder.FullName, "qmp");
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
    }

    /// <summary>QEMU says the first lines, one for each that it is asked, and is gone.</summary>
    [Theory]
    [InlineData("has gone before it is asked", "does not take", Greeting, Done)]
    [InlineData("goes as it is asked", "closed its control socket", Greeting, Done, "")]
    [InlineData("goes in the middle of an answer", "says nothing that can be read", Greeting, Done, """{"return":""")]
    [InlineData("answers something else", "says nothing that can be read", Greeting, Done, "qemu: fatal: out of memory\n")]
    [InlineData("refuses", "refuses {\"execute\":\"stop\"}: no", Greeting, Done, """{"error":{"class":"GenericError","desc":"no"}}""" + "\n")]
    public void Whatever_becomes_of_QEMU_is_a_sentence(string what, string sentence, params string[] lines)
    {
        var speaker = Start(lines);
        using var self = Process.GetCurrentProcess();
        using var qmp = Qmp.Connect(path, self);
        if (what.StartsWith("has gone", StringComparison.Ordinal))
            speaker.Join();
        var failure = Assert.Throws<Failure>(() => qmp.Execute("""{"execute":"stop"}"""));
        Assert.Contains(sentence, failure.Message, StringComparison.Ordinal);
        speaker.Join();
    }

    /// <summary>The same while the end of a migration is waited for.</summary>
    [Theory]
    [InlineData("QEMU closed its control socket", "")]
    [InlineData("says nothing that can be read", "{\n")]
    [InlineData("says nothing that can be read", """{"event":"MIGRATION"}""" + "\n")]
    [InlineData("QEMU's migration has failed", """{"event":"MIGRATION","data":{"status":"failed"}}""" + "\n")]
    public void A_migration_that_does_not_end_is_a_sentence(string sentence, string said)
    {
        var speaker = Start([Greeting, Done + said]);
        using var self = Process.GetCurrentProcess();
        using var qmp = Qmp.Connect(path, self);
        var failure = Assert.Throws<Failure>(qmp.AwaitMigrated);
        Assert.Contains(sentence, failure.Message, StringComparison.Ordinal);
        speaker.Join();
    }

    Thread Start(string[] lines)
    {
        var speaker = new Thread(() => Speak(lines)) { IsBackground = true };
        speaker.Start();
        return speaker;
    }

    void Speak(string[] lines)
    {
        using var socket = listener.Accept();
        var command = new byte[1000];
        for (var i = 0; i < lines.Length; i++)
        {
            if (i > 0)
                socket.Receive(command);
            socket.Send(Encoding.UTF8.GetBytes(lines[i]));
        }
    }

    public void Dispose()
    {
        listener.Dispose();
        folder.Delete(recursive: true);
    }
}
