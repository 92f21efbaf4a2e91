using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Programs.Tests;

/// <summary>
/// Programs that run at the same time: in the same files on this host, which is the witness, and in one guest. Each gets its input in three parts. The guest moves
/// when the second is sent, and again when the third is, so that all have work before, during and after both moves.
/// </summary>
internal sealed class Group
{
    private const string Address = "10.0.0.3";

    private readonly Entry[] entries;
    private readonly int memory;
    private readonly bool moves;
    private readonly Lazy<Dictionary<string, Outcome>> outcomes;

    /// <param name="memory">MiB of the guest.</param>
    public Group(Entry[] entries, int memory, bool moves = true)
    {
        this.entries = [.. entries.Where(entry => entry.IsChosen && !entry.FindMissing().Any())];
        this.memory = memory;
        this.moves = moves;
        outcomes = new(Run);
    }

    /// <param name="Witness">What the program said on this host.</param>
    /// <param name="Guest">What it said in the guest.</param>
    /// <param name="WasMoved">It had not ended when the guest had moved for the second time.</param>
    internal sealed record Outcome(string Witness, string Guest, bool WasMoved);

    public Outcome this[string name] => outcomes.Value[name];

    private Dictionary<string, Outcome> Run()
    {
        using var tree = new Tree(entries);
        byte[] archive = tree.Archive();
        Task<Dictionary<string, Said>> witness = Task.Factory.StartNew(() => Witness(tree), TaskCreationOptions.LongRunning);
        Dictionary<string, Said> guest = InGuest(archive);
        Dictionary<string, Said> expected = witness.GetAwaiter().GetResult();
        return entries.ToDictionary(entry => entry.Name, entry => new Outcome(expected[entry.Name].Text, guest[entry.Name].Text, guest[entry.Name].WasMoved));
    }

    private sealed record Said(string Text, bool WasMoved);

    private Dictionary<string, Said> Witness(Tree tree)
    {
        using var space = new Space();
        space.InSpace("ip", "addr", "add", Address + "/32", "dev", "lo");
        // Mounts and processes of its own, which go with it.
        using Process init = Process.Start("ip", ["netns", "exec", space.Name, "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
            $"mount --rbind /dev {tree.Root}/dev && mount -t proc proc {tree.Root}/proc && exec env -i /usr/sbin/chroot {tree.Root} /init"]);
        try
        {
            Wait.Until(() => Listens(space, Tree.Port), "the witness listens");
            return Converse(space, _ => { });
        }
        finally
        {
            init.Kill();
            init.WaitForExit();
        }
    }

    private Dictionary<string, Said> InGuest(byte[] archive)
    {
        using var space = new Space();
        byte[] loader = Repository.ReadImage("loader-kernel");
        Machine machine = new(space, "domain", loader, memory);
        try
        {
            using (SecureSocket socket = machine.UploadLoader(loader))
            {
                socket.Send(Client.Bundle("", Repository.ReadImage("guestos"), archive, hashed: false));
                Assert.Equal((UploadStage.KernelLoader, UploadRefusal.None, 0ul), Client.Answer(socket));
            }
            Wait.Until(() => Listens(space, Tree.Port), () => $"the guest does not listen:\n{machine.Console}");
            return Converse(space, number =>
            {
                if (moves)
                    Move(space, ref machine, number);
            });
        }
        catch (Exception failure)
        {
            throw new Xunit.Sdk.XunitException($"{failure.Message}\nThe machine says:\n{machine.Console}");
        }
        finally
        {
            machine.Dispose();
        }
    }

    private void Move(Space space, ref Machine machine, int number)
    {
        var destination = new Machine(space, "domain", Repository.ReadImage("loader-checkpoint"), memory, $"10.0.0.{10 + number}");
        Machine source = machine;
        try
        {
            using var migration = new Conversation(space, Address, $"migrate --key /etc/machine.key {destination.Boot}");
            migration.EndInput();
            string said = migration.AwaitEnd(TimeSpan.FromSeconds(150));
            Assert.True(said.Contains("migrate: we have arrived, ", StringComparison.Ordinal) && said.EndsWith("exit 0\n", StringComparison.Ordinal),
                $"{said}The destination says:\n{destination.Console}");
            machine = destination;
            Assert.True(source.HasEnded(5000), "the source goes on running");
        }
        finally
        {
            (machine == destination ? source : destination).Dispose();
        }
    }

    /// <summary>Starts all, gives them their input, and waits for their ends.</summary>
    /// <param name="move">Called with 0 and 1 while the second and the third part are being sent.</param>
    private Dictionary<string, Said> Converse(Space space, Action<int> move)
    {
        var limit = TimeSpan.FromSeconds(150);
        var conversations = new Dictionary<Entry, Conversation>();
        var servers = new List<Conversation>();
        try
        {
            foreach (Entry entry in entries)
            {
                var started = new Conversation(space, Address, $"mkdir /tmp/{entry.Name}; cd /tmp/{entry.Name}; . /commands/{entry.Name}");
                conversations.Add(entry, started);
                if (entry.Client == null)
                    continue;
                servers.Add(started);
                Wait.Until(() => started.HasEnded || entry.Port == 0 || Listens(space, entry.Port), () => $"{entry.Name} does not listen: {started.Output}");
                conversations[entry] = Conversation.Outside(space, $"host={Address}; {entry.Client}");
            }
            Send(0);
            for (int number = 0; number < 2; number++)
            {
                int part = number + 1;
                Task moving = Task.Factory.StartNew(() => move(part - 1), TaskCreationOptions.LongRunning);
                Send(part);
                moving.GetAwaiter().GetResult();
            }
            var wasMoved = conversations.ToDictionary(pair => pair.Key, pair => !pair.Value.HasEnded);
            foreach (Conversation conversation in conversations.Values)
                conversation.EndInput();
            var texts = conversations.ToDictionary(pair => pair.Key, pair => pair.Value.AwaitEnd(limit));
            foreach (Conversation server in servers)
                server.EndInput();
            foreach (Conversation server in servers)
                texts[conversations.Keys.Where(entry => entry.Client != null).ElementAt(servers.IndexOf(server))] += "server: " + server.AwaitEnd(limit);
            return texts.ToDictionary(pair => pair.Key.Name, pair => new Said(pair.Value, wasMoved[pair.Key]));
        }
        finally
        {
            foreach (Conversation conversation in conversations.Values.Concat(servers))
                conversation.Dispose();
        }

        void Send(int part)
        {
            foreach (Conversation conversation in conversations.Values)
                conversation.Send(Input.Parts[part]);
        }
    }

    private static bool Listens(Space space, int port)
    {
        using Socket socket = space.Open();
        try
        {
            return socket.ConnectAsync(System.Net.IPAddress.Parse(Address), port).Wait(1000);
        }
        catch (AggregateException refusal) when (refusal.InnerException is SocketException)
        {
            return false;
        }
    }
}
