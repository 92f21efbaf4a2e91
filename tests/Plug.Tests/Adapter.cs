using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Testing;
using Xunit;

// Descriptors that one test's children inherit would keep another's sockets open.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Plug.Tests;

/// <summary>The shipped binary, with the test in packetd's place and any program as its monitor.</summary>
internal sealed class Adapter : IDisposable
{
    private readonly Process process;

    public Adapter(params string[] program)
    {
        (Frames, int frames) = Descriptors.Pair();
        (Control, int control) = Descriptors.Pair();
        // The shell puts the descriptors where they belong, closes all others and is then replaced; what .NET ignores is not inherited.
        const string Close = "for other in /proc/$$/fd/*; do other=${other##*/}; [ $other -le 4 ] || eval \"exec $other<&-\"; done; ";
        string[] command =
        [
            "-c", $"exec 3<&{frames} 4<&{control}; {Close} exec env --default-signal \"$@\"", "bash", Repository.Image("plug"), .. program,
        ];
        process = Process.Start(new ProcessStartInfo("bash", command) { RedirectStandardError = true, RedirectStandardInput = true })!;
        Descriptors.close(frames);
        Descriptors.close(control);
        Pid = process.Id;
        Assert.Equal((1u, 0u), Record());
        // A program that cannot be run is gone by now.
        Child = Programs.Child(Pid);
    }

    /// <summary>Our ends of the two descriptors.</summary>
    public int Frames { get; private set; }
    public int Control { get; private set; }

    public int Pid { get; }

    /// <summary>The monitor.</summary>
    public int Child { get; }

    /// <summary>The next control record: kind and value; nothing when there is no other.</summary>
    public (uint Kind, uint Value)? Record()
    {
        byte[] record = Descriptors.Read(Control) ?? throw new TimeoutException("no record");
        Assert.True(record.Length is 0 or 16);
        return record.Length == 0 ? null : (BinaryPrimitives.ReadUInt32LittleEndian(record), BinaryPrimitives.ReadUInt32LittleEndian(record.AsSpan(4)));
    }

    /// <summary>Gives the monitor a line to read.</summary>
    public void Tell() => process.StandardInput.WriteLine();

    public void Close(bool frames)
    {
        Descriptors.close(frames ? Frames : Control);
        _ = frames ? Frames = -1 : Control = -1;
    }

    /// <summary>Waits for the end: the exit code, 128 and the signal for one by a signal. What it said stands in <see cref="Said"/>.</summary>
    public int End()
    {
        Assert.True(process.WaitForExit(20_000), "plug goes on running");
        Wait.Until(() => Child == 0 || !Programs.Runs(Child), "the monitor's end");
        Said = process.StandardError.ReadToEnd();
        return process.ExitCode;
    }

    public string Said { get; private set; } = "";

    /// <summary>It waits for something, and for nothing that is there already: however busy the machine is, it does not want to run.</summary>
    public void AssertSleeps()
    {
        int asleep = 0;
        Wait.Until(() =>
        {
            Thread.Sleep(8);
            asleep = File.ReadAllText($"/proc/{Pid}/stat").Contains(") S ", StringComparison.Ordinal) ? asleep + 1 : 0;
            return asleep == 50;
        }, "half a second of sleep");
    }

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill();
        process.WaitForExit();
        if (Child != 0 && Programs.Runs(Child))
            Descriptors.kill(Child, 9);
        process.Dispose();
        foreach (int descriptor in new[] { Frames, Control }.Where(descriptor => descriptor >= 0))
            Descriptors.close(descriptor);
    }
}
