using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Wire;
using Xunit;

namespace Testing.Machines;

/// <summary>An empty domain: cstrap on a monitor, in a namespace of its own. Everything is gone when it is disposed.</summary>
public sealed class Machine : IDisposable
{
    private readonly Space space;
    private readonly bool ownsSpace;
    private readonly Process process;
    private readonly string tap;
    private readonly StringBuilder console = new();
    private readonly string keyFile = Path.GetTempFileName();

    /// <param name="loader">The image whose hash the boot token would carry.</param>
    /// <param name="lease">Seconds, 0 for none.</param>
    /// <param name="module">What stands in the first module; otherwise the tests' key.</param>
    public Machine(string monitor, byte[] loader, int memory = 64, int lease = 0, byte[]? module = null)
        : this(new Space(), monitor, loader, memory, lease: lease, module: module) => ownsSpace = true;

    /// <param name="entropy">What QEMU's entropy device gives.</param>
    /// <param name="cpu">The processor that <c>domain</c> is to be.</param>
    public Machine(Space space, string monitor, byte[] loader, int memory = 64, string boot = Space.Boot, string guests = "10.0.0.3", int lease = 0, byte[]? module = null,
        string entropy = "/dev/urandom", string cpu = "host")
    {
        this.space = space;
        Boot = boot;
        tap = space.AddTap();
        string mac = "02:45:" + string.Join(':', boot.Split('.').Select(octet => int.Parse(octet).ToString("x2")));
        string append = $"evilman.boot={boot}/24 evilman.gateway=10.0.0.1 evilman.loader={Convert.ToHexStringLower(SHA1.HashData(loader))} evilman.guests={guests}";
        if (lease > 0)
            append += $" evilman.lease={lease}";
        byte[] keyModule = new byte[KeyModule.Size];
        KeyModule.Emit(keyModule, Client.Key);
        File.WriteAllBytes(keyFile, module ?? keyModule);
        string[] command = monitor == "domain"
            ? [Repository.Program("domain"), "--kernel", Repository.Image("cstrap"), "--initrd", keyFile, "--memory", $"{memory}", "--tap", tap,
               "--mac", mac, "--cpu", cpu, "--append", append]
            : ["qemu-system-x86_64", "-accel", "tcg", "-machine", "microvm,acpi=off", "-cpu", "max", "-m", $"{memory}", "-smp", "1,maxcpus=2", "-nodefaults", "-no-user-config",
               "-display", "none", "-no-reboot", "-serial", "stdio", "-global", "virtio-mmio.force-legacy=false", "-kernel", Repository.Image("cstrap"), "-initrd", keyFile, "-append", append,
               "-netdev", $"tap,id=n,ifname={tap},script=no,downscript=no", "-device", $"virtio-net-device,netdev=n,mac={mac}",
               "-object", $"rng-random,filename={entropy},id=r", "-device", "virtio-rng-device,rng=r"];
        Assert.True(monitor != "domain" || File.Exists(command[0]), $"{command[0]} is not built: make programs");
        process = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", space.Name, .. command])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        process.OutputDataReceived += Note;
        process.ErrorDataReceived += Note;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (module == null)
            Await("an empty domain at");
    }

    public Space Space => space;

    public string Boot { get; }

    private void Note(object sender, DataReceivedEventArgs line)
    {
        lock (console)
            console.AppendLine(line.Data);
    }

    public string Console
    {
        get
        {
            lock (console)
                return console.ToString();
        }
    }

    /// <summary>Waits until the console has shown a text, and returns all of it.</summary>
    public string Await(string text, int milliseconds = 15_000)
    {
        Wait.Until(() => Console.Contains(text, StringComparison.Ordinal), () => $"the console never showed \"{text}\", {Condition}, but:\n{Console}", milliseconds / 1000.0);
        return Console;
    }

    /// <summary>What the monitor's process does, for the message of a test that waits for it in vain.</summary>
    private string Condition
    {
        get
        {
            if (HasEnded(0))
                return $"its monitor has ended with {process.ExitCode}";
            string[] status = File.ReadAllText($"/proc/{process.Id}/stat").Split(' ');
            return $"its monitor {status[1]} is in state {status[2]} and has used {ProcessorTime.TotalSeconds:0.00} s of a processor";
        }
    }

    public void Kill() => process.Kill();

    /// <summary>Whether the machine ends in time. What it had said on its console is then there.</summary>
    public bool HasEnded(int milliseconds)
    {
        bool hasEnded = process.WaitForExit(milliseconds);
        if (hasEnded)
            process.WaitForExit(); // for the end of its output, too
        return hasEnded;
    }

    /// <summary>All of the machine's memory, as its monitor has it mapped.</summary>
    public byte[] ReadMemory(int size)
    {
        foreach (string line in File.ReadLines($"/proc/{process.Id}/maps"))
        {
            string[] words = line.Split(' ', 3);
            long[] ends = [.. words[0].Split('-').Select(end => Convert.ToInt64(end, 16))];
            if (ends[1] - ends[0] != size || words[1] != "rw-p")
                continue;
            using FileStream memory = new($"/proc/{process.Id}/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            memory.Position = ends[0];
            byte[] bytes = new byte[size];
            memory.ReadExactly(bytes);
            return bytes;
        }
        Assert.Fail($"the monitor maps no {size} bytes:\n{File.ReadAllText($"/proc/{process.Id}/maps")}");
        return [];
    }

    /// <summary>Bytes that have gone to the machine over its network device: what its TAP interface has transmitted (proc_pid_net(5)).</summary>
    public long BytesReceived
    {
        get
        {
            const int TransmittedBytes = 9;
            // A monitor may have left the namespace for one of its own.
            string line = space.InSpace("cat", "/proc/net/dev").Split('\n').Single(line => line.TrimStart().StartsWith(tap + ":", StringComparison.Ordinal));
            return long.Parse(line.Replace(":", " ", StringComparison.Ordinal).Split(' ', StringSplitOptions.RemoveEmptyEntries)[TransmittedBytes]);
        }
    }

    /// <summary>Processor time of the monitor.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    /// <summary>A connection whose loader was accepted.</summary>
    public SecureSocket UploadLoader(byte[] loader, uint flags = 0)
    {
        try
        {
            SecureSocket socket = Client.Open(space.Connect(address: Boot));
            socket.Send(Client.Upload(loader, flags));
            Assert.Equal((UploadStage.Firmware, UploadRefusal.None, 0ul), Client.Answer(socket));
            return socket;
        }
        catch (Exception failure) when (failure is SocketException or IOException)
        {
            throw new Xunit.Sdk.XunitException($"{failure.Message}; the machine says:\n{Console}");
        }
    }

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill();
        process.WaitForExit();
        process.Dispose();
        File.Delete(keyFile);
        if (ownsSpace)
            space.Dispose();
    }
}
