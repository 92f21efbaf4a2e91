using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Threading;
using Packetd;
using Wire;
using Xunit;

namespace Testing.Nodes;

/// <summary>
/// Does what a kernel does and qemu-user does not: the options of packet sockets, of which it knows none (they are set
/// on the same socket from outside); the seccomp filter, which it refuses (it is noted, and not in force: packetd
/// serves nowhere where it is refused); and that a parent waits for its child, which it leaves out of vfork
/// (tests/images/Forks). All other calls are answered by the host's kernel.
/// </summary>
public sealed class Emulation : IDisposable
{
    private const ulong SetSockOpt = 208, Prctl = 167, SetSeccomp = 22, PacketLevel = 263;
    private const uint SupervisorCall = 0xD4000001;

    /// <summary>Where the routine is that makes packetd's system calls.</summary>
    private static readonly Lazy<ulong> s_stub = new(FindStub);
    private readonly DebugPort port;
    private readonly Thread keeper;
    private readonly Process forks;

    /// <param name="pid">An emulator that waits for its debugger.</param>
    /// <param name="path">Of its debugger's port.</param>
    public Emulation(int pid, string path)
    {
        ulong stub = s_stub.Value;
        port = new DebugPort(path);
        forks = Process.Start(new ProcessStartInfo(Repository.Image("forks"), [$"{pid}"]) { RedirectStandardOutput = true })!;
        Assert.Equal('.', forks.StandardOutput.Read());
        while (Bytes.Le32(port.Memory(stub, 4), 0) != SupervisorCall)
            stub += 4;
        port.Break(stub, true);
        // Until the filter is asked for, which is the last of what packetd does before it serves.
        while (Filter.Length == 0 && port.Command("c").StartsWith('T'))
        {
            ulong[] registers = port.Registers();
            if (!Platform.FilterRefused && registers[8] == Prctl && registers[0] == SetSeccomp)
                Filter = ReadFilter(registers[2]);
            else if (registers[8] != SetSockOpt || registers[1] != PacketLevel)
            {
                if (port.Command("s").StartsWith('T'))
                    continue;
                break; // packetd has ended
            }
            int result = registers[8] == Prctl ? 0
                : PacketSocket.SetOption(pid, (int)registers[0], (int)registers[1], (int)registers[2], port.Memory(registers[3], (int)registers[4]));
            port.SetRegister(0, (ulong)result);
            port.SetRegister(DebugPort.Counter, registers[DebugPort.Counter] + 4);
        }
        if (Filter.Length > 0)
            port.Break(stub, false);
        keeper = new Thread(Keep) { IsBackground = true };
        keeper.Start();
    }

    /// <summary>The program of the seccomp filter (struct sock_filter); nothing when packetd never got that far.</summary>
    public ulong[] Filter { get; private set; } = [];

    private static ulong FindStub()
    {
        string line = Programs.Run("aarch64-linux-gnu-nm", Platform.Packetd + ".debug").Split('\n').Single(line => line.EndsWith(" linux_syscall", StringComparison.Ordinal));
        return ulong.Parse(line.AsSpan(0, 16), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        keeper.Join();
        forks.WaitForExit();
        forks.Dispose();
        port.Dispose();
    }

    // Every signal stops at the debugger first, and is passed on to packetd.
    private void Keep()
    {
        for (port.Send("c"); port.Receive() is { } stop && stop.StartsWith('T');)
            port.Send("C" + stop[1..3]);
    }

    private ulong[] ReadFilter(ulong described)
    {
        byte[] program = port.Memory(described, 16);
        byte[] bytes = port.Memory(Bytes.Le64(program, 8), Bytes.Le16(program, 0) * 8);
        var instructions = new List<ulong>();
        for (int at = 0; at < bytes.Length; at += 8)
            instructions.Add(Bytes.Le64(bytes, at));
        return [.. instructions];
    }
}
