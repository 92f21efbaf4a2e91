using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Testing;
using Xunit;

namespace Guestos.Tests;

/// <summary>A running guest with its console. Killed when it is disposed.</summary>
internal sealed class Guest : IDisposable
{
    private static int s_count;

    private readonly Process process;
    private readonly StringBuilder console = new();
    private readonly Task reading;
    private readonly string archive;
    private int seen;

    /// <param name="monitor">"domain", "qemu", or "counted": QEMU whose clock goes on by 8 ns with each instruction, however busy the host is.</param>
    public Guest(string monitor, Initramfs initramfs, string init = "/init", int memory = 64, string append = "")
        : this(monitor, initramfs.ToArray(), init, memory, append)
    {
    }

    public Guest(string monitor, byte[] initramfs, string init = "/init", int memory = 64, string append = "")
    {
        archive = Path.Combine(Programs.Scratch, $"initramfs-{Interlocked.Increment(ref s_count)}.cpio");
        File.WriteAllBytes(archive, initramfs);
        string image = Repository.Image("guestos");
        string line = $"init={init} {append}";
        List<string> command = monitor == "domain"
            ? [Repository.Program("domain"), "--kernel", image, "--initrd", archive, "--memory", $"{memory}", "--append", line]
            : ["qemu-system-x86_64", "-M", "microvm,acpi=off,pit=off,pic=off,rtc=on,isa-serial=on", "-accel", "tcg", "-cpu", "Nehalem-v1", "-m", $"{memory}",
               "-kernel", image, "-initrd", archive, "-append", line, "-nodefaults", "-serial", "stdio", "-display", "none", "-no-reboot"];
        if (monitor == "counted")
            command.AddRange(["-icount", "shift=3,sleep=off"]);
        Assert.True(monitor != "domain" || File.Exists(command[0]), $"{command[0]} is not built: make programs");
        process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        reading = Task.Run(Read);
    }

    private void Read()
    {
        var buffer = new byte[4096];
        Stream stream = process.StandardOutput.BaseStream;
        for (int length; (length = stream.Read(buffer)) > 0;)
            lock (console)
                console.Append(Encoding.UTF8.GetString(buffer, 0, length).Replace("\r", "", StringComparison.Ordinal));
    }

    /// <summary>All that the console has shown, with newlines only.</summary>
    public string Console
    {
        get
        {
            lock (console)
                return console.ToString();
        }
    }

    /// <summary>Types on the console.</summary>
    public void Type(string text)
    {
        process.StandardInput.Write(text);
        process.StandardInput.Flush();
    }

    /// <summary>Waits for a text behind what was awaited before, and returns what came before it.</summary>
    public string Await(string text, int seconds = 20)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed.TotalSeconds < seconds; Thread.Sleep(2))
        {
            string all = Console;
            int at = all.IndexOf(text, seen, StringComparison.Ordinal);
            if (at >= 0)
            {
                string before = all[seen..at];
                seen = at + text.Length;
                return before;
            }
            if (process.HasExited && reading.IsCompleted && Console.Length == all.Length)
                break;
        }
        Assert.Fail($"the console never showed \"{text}\" but:\n{Console}");
        return "";
    }

    /// <summary>Waits until the machine has ended by itself: the monitor's exit code.</summary>
    public int AwaitExit(int seconds = 30)
    {
        Assert.True(process.WaitForExit(seconds * 1000), $"the guest is still there after {seconds} s:\n{Console}");
        reading.Wait();
        return process.ExitCode;
    }

    /// <summary>The same without a panic, and returns its console.</summary>
    public string AwaitEnd(int seconds = 30)
    {
        AwaitExit(seconds);
        Assert.DoesNotContain("panic", Console, StringComparison.Ordinal);
        return Console;
    }

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill();
        process.WaitForExit();
        process.Dispose();
        File.Delete(archive);
    }
}
