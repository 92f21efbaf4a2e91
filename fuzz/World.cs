using System;
using System.Collections.Generic;
using System.Linq;
using Packetd;
using Testing.Nodes;
using Wire;

namespace Fuzz;

/// <summary>What a host can refuse; the argument of <see cref="StepKind.Host"/>.</summary>
[Flags]
internal enum Faults : byte
{
    None = 0,

    /// <summary>No machine starts.</summary>
    Start = 1,

    /// <summary>The link takes no frame.</summary>
    Link = 2,

    /// <summary>No domain takes a frame.</summary>
    Domains = 4,
}

/// <summary>
/// A node with small limits, and around it everything that a script can do to it. Each packet, answer and start is judged
/// (World.Judging.cs); what must never happen is a <see cref="Violation"/>.
/// </summary>
internal sealed partial class World : IHost
{
    public const int Slots = 3, TokenRoom = 4;

    /// <summary>More than a script starts.</summary>
    private const int AccountRoom = MaxPackets + 1;

    /// <summary>The most packets of one script: repetitions would take seconds otherwise.</summary>
    private const int MaxPackets = 300;

    private readonly ulong epoch;
    private readonly Domain[] domains = new Domain[Slots];
    private readonly ushort[] spent = new ushort[Limiter.Size];
    private readonly UsedToken[] used = new UsedToken[TokenRoom];
    private readonly Account[] accounts = new Account[AccountRoom];
    private readonly byte[] memory = new byte[Packet.MaxSize];
    private readonly List<(int Port, byte[] Packet)> packets = [];
    private readonly List<(uint Sender, byte[] Packet)> taken = [];
    private Faults faults;
    private ulong latest, tenth, started;
    private ulong cpu;
    private int received;

    /// <param name="epoch">Unix seconds when scripts begin; the node started 100 seconds before.</param>
    public World(ulong epoch = TestHost.Started + 100) => this.epoch = epoch;

    /// <summary>Where each step and its result are written; nothing by default.</summary>
    public Action<string>? Story { get; set; }

    /// <summary>Whatever makes the tokens of a script others than those of the same script elsewhere.</summary>
    public int Salt { get; init; }

    /// <summary>packetd waits until no second belongs to two runs.</summary>
    public ulong SecondsToRestart { get; init; } = 1;

    public ulong Now { get; private set; }

    public ulong Uptime { get; private set; }

    /// <summary>The packets that the node got from the script so far, with the boot address of the domain that sent them, 0 for the link.</summary>
    public IReadOnlyList<(uint Sender, byte[] Packet)> Taken => taken;

    /// <summary>Runs a script from its beginning, on a new node.</summary>
    /// <exception cref="Violation">The node did what it must never do. Any other exception is the node's as well.</exception>
    public void Run(ReadOnlySpan<byte> script)
    {
        Coverage.Off();
        Now = latest = epoch;
        started = epoch - 100;
        tenth = 0;
        faults = 0;
        received = lastRefusal = 0;
        Uptime = 77_777;
        cpu = 0;
        packets.Clear();
        taken.Clear();
        honoured.Clear();
        minted.Clear();
        Node<World> node = Restart();
        while (Step.TryTake(ref script, out Step step))
        {
            Do(ref node, step);
            JudgeDomains();
        }
    }

    private Node<World> Restart()
    {
        Array.Clear(domains);
        Array.Clear(spent);
        Array.Clear(used);
        Array.Clear(accounts);
        Forget();
        Limits limits = new() { Address = TestHost.Node, Key = new HmacSha1(TestHost.Key), FormerKey = new HmacSha1(TestHost.Key), MaxMemoryMiB = Judge.MaxMemory, MinCpuShare = 100, ChainSteps = Judge.MaxSteps, Grace = Judge.Grace };
        return new Node<World>(this, limits, domains, new UsedTokens(used) { Since = started }, new Accounts(accounts), new Limiter(spent, 1));
    }

    private void Do(ref Node<World> node, scoped Step step)
    {
        ReadOnlySpan<byte> arguments = step.Arguments;
        switch (step.Kind)
        {
            case StepKind.Clock:
                short by = (short)(arguments[0] | arguments[1] << 8);
                Now = by < 0 && Now < epoch + (ulong)-by ? epoch : Now + (ulong)by;
                latest = Math.Max(latest, Now);
                Story?.Invoke($"clock {by:+0;-0} s");
                break;
            case StepKind.Tick:
                tenth += 1u + arguments[0];
                allowances.Clear();
                node.Limiter.Tick(tenth);
                Story?.Invoke($"tick {1 + arguments[0]}");
                break;
            case StepKind.Time:
                Uptime += arguments[0] * 250u;
                cpu += arguments[1] * 1000u;
                allowances.Clear(); // the limiter sees another tenth of a second than the last one
                Story?.Invoke($"{arguments[0] * 250} ms pass, {arguments[1]} ms of processors are used");
                Coverage.On();
                node.Limiter.Tick(Uptime / 100);
                node.Meter();
                Coverage.Off();
                if (arguments[0] >= 2)
                    JudgeGrace();
                EndPurged(ref node);
                break;
            case StepKind.Death:
                int slot = arguments[0] % Slots;
                Story?.Invoke($"death of domain {slot}{(live[slot] == null ? " (there is none)" : "")}");
                End(ref node, slot);
                break;
            case StepKind.Restart:
                // A clock that was set back between two runs defeats the second's wait (docs/security.md).
                started = Now = latest += SecondsToRestart;
                Story?.Invoke("restart");
                node = Restart();
                break;
            case StepKind.Host:
                faults = (Faults)(arguments[0] & 7);
                Story?.Invoke($"host: faults {faults}");
                break;
            case StepKind.Again:
                if (packets.Count == 0)
                    break;
                int index = packets.Count - 1 - arguments[0] % packets.Count;
                (int from, byte[] bytes) = packets[index];
                byte[] packet = ScriptedPacket.Patched(bytes, step.Patches);
                int often = arguments[1] < 240 ? 1 + (arguments[1] & 3) : arguments[1] - 138; // up to 117: past every allowance
                for (int times = often; times > 0; times--)
                    Receive(ref node, from, packet, times == 1 && Story != null ? $"packet {index} again, {often} times{ScriptedPacket.Describe(step.Patches)}" : null);
                break;
            default:
                int port = arguments[0] % (Slots + 1) - 1;
                var scripted = new ScriptedPacket(Array.ConvertAll(live, domain => domain?.Addresses[0] ?? 0),
                    Array.ConvertAll(live, domain => domain?.Proof ?? new byte[20]), Payers(), token => minted[Convert.ToHexString(token.End)] = token, Now, Salt);
                byte[] made = scripted.Make(step);
                packets.Add((port, made));
                Receive(ref node, port, made, Story == null ? null : $"packet {packets.Count - 1}, {scripted.Describe(step)}");
                break;
        }
    }

    private void Receive(ref Node<World> node, int port, byte[] packet, string? what)
    {
        if (what != null)
            Story?.Invoke($"{(port < 0 ? "link" : $"domain {port}")}: {what}, {packet.Length} bytes{(port >= 0 && live[port] == null ? " (there is no such domain)" : "")}");
        if (received == MaxPackets || packet.Length > Packet.MaxSize || (port >= 0 && live[port] == null))
            return;
        received++;
        taken.Add((port < 0 ? 0 : live[port]!.Addresses[0], packet));
        packet.CopyTo(memory, 0);
        Expect(port, packet);
        Coverage.On();
        node.Receive(port, memory.AsSpan(0, packet.Length));
        Coverage.Off();
        JudgeOutcome();
        EndPurged(ref node);
    }

    private void End(ref Node<World> node, int slot)
    {
        if (live[slot] is { } expected)
            JudgeCounters(slot, domains[slot], expected);
        if (live[slot]?.Ledger is { } ledger)
        {
            ledger.Measure(Uptime, cpu);
            ledger.Close();
        }
        node.Close(slot);
        node.Domains[slot] = default;
        live[slot] = null;
    }
}
