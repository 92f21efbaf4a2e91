using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Sockets;
using Evilman.Lab;
using Evilman.Net;
using Evilman.Run;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman run FILE --port N -- ARGUMENTS</c>: the user's own program in a guest, on this machine.</summary>
internal static class RunCommand
{
    internal static Command Create()
    {
        var what = new Argument<string>("program")
        {
            Description = "An x86-64 program, which takes its libraries along, or a script; a folder, or a tar or cpio archive (plain, gzip or zstd), that "
                + "has one and its libraries; or an image, as «docker save» and «skopeo copy … oci:FOLDER» write it.",
        };
        var words = new Argument<string[]>("arguments")
        {
            Description = "After --: the program's arguments; of a folder or archive the program itself first; of an image "
                + "instead of its command.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var ports = Values.PortsOption("--port", "A TCP port that the program listens on; the program counts as up when all "
            + "answer. Without --on it is reached on 127.0.0.1 of this machine, there under another number if two are given; "
            + "any number of them.");
        var publish = Values.PortsOption("--publish", "With --on: the same, and 127.0.0.1 of this machine leads to it, wherever "
            + "it moves, until it is stopped («evilman forward»).");
        var environment = new Option<string[]>("--env")
        {
            Description = "A variable of the program's environment; any number of them.",
            HelpName = "NAME=VALUE",
        };
        environment.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (!IsVariable(token.Value))
                    result.AddError($"--env: {Values.Quoted(token.Value)} is not NAME=VALUE");
            }
        });
        var folder = new Option<string?>("--workdir")
        {
            Description = "The folder that the program starts in. [default: the image's, or /]",
            HelpName = "FOLDER",
        };
        var restart = new Option<string>("--restart")
        {
            Description = "When the program is started again: never, on-failure or always.",
            HelpName = "WHEN",
            DefaultValueFactory = _ => "never",
        };
        restart.AcceptOnlyFromAmong("never", "on-failure", "always");
        var memory = new Option<ByteSize?>("--memory")
        {
            Description = "Memory of the machine. [default: what the files need, and 64M at least]",
            HelpName = "SIZE",
            CustomParser = result =>
            {
                if (Quantity.TryBytes(result.Tokens[0].Value, out var bytes))
                    return new ByteSize(bytes);
                result.AddError($"--memory: {Values.Quoted(result.Tokens[0].Value)} is not a size like 64M or 1G");
                return null;
            },
        };
        var nodes = Values.CountOption("--nodes", "How many nodes the lab has.", 2, 1, LabPlan.MaxNodes);
        var monitors = LabCommand.MonitorsOption();
        var moveEvery = Values.CountOption("--move-every", "Moves the guest to the next node every N seconds; 0 for "
            + "when Enter is typed.", 0, 0, 86_400);
        var on = new Option<string?>("--on")
        {
            Description = "Run it on this node, of the inventory or of a lab that is up, instead of in a lab of its own. It "
                + "is then reached at its guest's address.",
            HelpName = "NODE",
        };
        var called = Values.NameOption("--name", "With --on: what it is called; otherwise as its program.");
        var wishedPlan = Values.PlanOption();
        var tokens = Values.TokensOption();
        var detach = new Option<bool>("--detach", "-d")
        {
            Description = "With --on: return when the ports answer; it runs until «evilman stop».",
        };
        var user = new Option<string?>("--user")
        {
            Description = "Who the program runs as: a name of the files' /etc/passwd, or numbers. [default: the image's, or "
                + "root]",
            HelpName = "USER[:GROUP]",
        };
        var json = new Option<bool>("--json") { Description = "With --detach: one line of JSON, for a program." };
        var linger = Values.DurationOption("--linger", "With --detach: how long the guest stays when its program has ended, "
            + "to be asked for its last words.", "1h");
        var timeout = Values.DurationOption("--timeout", "Patience until the ports answer, and with each move.", "30s");
        var lifetime = Values.DurationOption("--lifetime", "After this time everything ends.", "2h");
        var command = new Command("run", "Runs a program of yours in a guest that can move: on a node, or in a "
            + "lab on this machine. The exit code is the program's; where evilman itself has failed, its reason is on standard "
            + "error, in a line that begins with «evilman:».")
        {
            what, words, ports, publish, environment, folder, user, restart, memory, on, wishedPlan, tokens, called, detach, json, linger, nodes, monitors,
            moveEvery, timeout, lifetime,
        };
        command.WithExamples("""
            evilman run ./server --port 8080               curl http://127.0.0.1:8080 reaches it
            evilman run ./server --port 8080 -- --its --own arguments
            evilman run app.tar.gz --port 8000:80 -- /usr/bin/app
            evilman run image.tar --port 6379          what «docker save redis -o image.tar» wrote
            evilman run ./server --port 8080 --move-every 5
            evilman run ./server --port 8080 --on n1 --detach
            evilman run ./server --publish 8080 --on n1 --detach
            evilman run ./server --port 8080 --on n2 --plan small --tokens 20
            """);
        command.SetAction(result =>
        {
            PortPair[] pairs = [.. result.GetValue(ports) ?? [], .. result.GetValue(publish) ?? []];
            var at = result.GetValue(on) is { } wanted ? Site.FindNode(wanted) : default;
            if (at.Node is null && (result.GetValue(called) is not null || result.GetValue(detach)))
                throw Failure.Usage("--name and --detach belong to --on: a lab of its own ends with the command");
            if (at.Node is null && result.GetValue(publish) is { Length: > 0 })
                throw Failure.Usage("--publish belongs to --on: in a lab of its own --port is reached on 127.0.0.1 already");
            if (result.GetValue(json) && !result.GetValue(detach))
                throw Failure.Usage("--json belongs to --detach: otherwise what the program writes is shown");
            Say.IsForPrograms = result.GetValue(json);
            // The ports first: when one is taken nothing is begun.
            using var local = new LocalPorts(at.Node is null ? pairs : result.GetValue(publish) ?? []);
            at.Site?.Enter(local);
            var guest = new GuestFiles();
            var archive = Files.Find("guest.cpio", "run «make»");
            guest.ReadCpio(archive, BootClient.ReadFile(archive));
            var (files, job) = Prepare(result.GetValue(what)!, result.GetValue(words) ?? [], guest);
            job = job with
            {
                Folder = result.GetValue(folder) ?? job.Folder,
                // What comes later counts.
                Environment = [.. job.Environment, .. result.GetValue(environment) ?? []],
                Restart = result.GetValue(restart) switch
                {
                    "always" => RestartPolicy.Always,
                    "on-failure" => RestartPolicy.OnFailure,
                    _ => RestartPolicy.Never,
                },
            };
            if (result.GetValue(user) is { } account)
                job = job with { Account = UserName.Find(files, account) };
            if (at.Node is not null)
                job = job with { LingerSeconds = result.GetValue(detach) ? Seconds(result.GetValue(linger)) : 60 };
            if (files.Resolve(job.Folder) is not { Member.IsDirectory: true } && job.Folder.Trim('/').Length != 0)
                throw Failure.Usage($"--workdir: there is no folder {Values.Quoted(job.Folder)} in these files");
            job.AddTo(files, guest);
            var initramfs = files.Archive();
            var needed = Needed(initramfs.Length);
            var given = result.GetValue(memory)?.Bytes ?? needed;
            if (given < needed)
                throw Failure.Usage(string.Create(CultureInfo.InvariantCulture,
                    $"--memory: these files need {needed >> 20}M at least"));
            var plan = new RunPlan(job.HostName, pairs, given, Seconds(result.GetValue(timeout)),
                result.GetValue(moveEvery));
            var code = at.Node is not null
                ? new RemoteRun(at.Site!, at.Node, result.GetValue(called) ?? JobName(at.Site!, job.HostName), plan,
                    new MachineWish(result.GetValue(wishedPlan), result.GetValue(tokens)))
                    .Run(initramfs, local, result.GetValue(detach))
                : Start(plan, local, initramfs, result.GetValue(nodes),
                    LabCommand.Monitors(result.GetValue(monitors)), Seconds(result.GetValue(lifetime)));
            local.Finish();
            return code;
        });
        return command;
    }

    /// <summary>What runs in the client's namespace; not for people.</summary>
    internal static Command CreateInside()
    {
        var directory = new Argument<string>("directory");
        var command = new Command("run-inside") { directory };
        command.Hidden = true;
        command.SetAction(result =>
        {
            var lab = LabPlan.Load(result.GetValue(directory)!);
            return new LabRun(lab, RunPlan.Load(lab)).Run();
        });
        return command;
    }

    /// <summary>The guest's files and what to do with them.</summary>
    static (GuestFiles Files, Job Job) Prepare(string what, string[] words, GuestFiles guest)
    {
        if (Directory.Exists(what))
        {
            if (new OciImage(what, path => ReadPart(Path.Combine(what, path))) is { IsThere: true } layout)
                return OfImage(layout, what, words);
            var tree = new GuestFiles();
            tree.ReadFolder(what);
            return (tree, InTree(tree, what, words));
        }
        var bytes = GuestFiles.ReadFile(what);
        if (GuestFiles.IsArchive(bytes))
        {
            var tree = new GuestFiles();
            tree.ReadArchive(what, bytes);
            var layout = new OciImage(what, path => tree.Find(path)?.Content);
            return layout.IsThere ? OfImage(layout, what, words) : (tree, InTree(tree, what, words));
        }
        if (!ElfFile.Is(bytes) && !bytes.AsSpan().StartsWith("#!"u8))
            throw new Failure($"{what} is no program, no folder, and no archive: tar or cpio, plain, gzip or zstd");
        // Beside busybox, for scripts and for people who look around.
        var name = Path.GetFileName(what);
        guest.AddFile($"app/{name}", bytes, GuestFiles.ForAll);
        if (ElfFile.Is(bytes) && OwnLibraries.AddTo(guest, ElfFile.Read(what, bytes)) is { Count: > 0 } libraries)
            Say.Note($"{name} is linked dynamically; of this machine it takes along {string.Join(", ", libraries)}");
        var path = ProgramCheck.Demand(guest, $"/app/{name}", isAlone: true);
        return (guest, new Job([path, .. words]) { HostName = HostName(name) });
    }

    static byte[]? ReadPart(string path) => File.Exists(path) ? GuestFiles.ReadFile(path) : null;

    static (GuestFiles Files, Job Job) OfImage(OciImage image, string what, string[] words)
    {
        var files = new GuestFiles();
        var run = image.Unpack(files);
        var job = InTree(files, what, run.Words(words)) with { Environment = run.Env ?? [] };
        if (run.WorkingDir is { Length: > 0 } folder)
        {
            if (files.Resolve(folder) is null)
                files.AddDirectory(folder);
            job = job with { Folder = folder };
        }
        return (files, run.User is { Length: > 0 } user ? job with { Account = UserName.Find(files, user) } : job);
    }

    static Job InTree(GuestFiles files, string what, string[] words)
    {
        if (words.Length == 0)
            throw Failure.Usage($"which program of {what}? Name it after --: evilman run {what} -- /bin/PROGRAM");
        var path = ProgramCheck.Demand(files, words[0], isAlone: false);
        return new Job([path, .. words[1..]]) { HostName = HostName(Path.GetFileName(path)) };
    }

    /// <summary>Letters, digits and hyphens (RFC 1123 §2.1).</summary>
    static string HostName(string name)
    {
        var letters = new char[Math.Min(name.Length, 63)];
        for (var i = 0; i < letters.Length; i++)
            letters[i] = char.IsAsciiLetterOrDigit(name[i]) ? name[i] : '-';
        var host = new string(letters).Trim('-');
        return host.Length == 0 ? "guest" : host;
    }

    /// <summary>A name that no job has: the program's, with a number if need be.</summary>
    static string JobName(Site site, string program)
    {
        var name = char.IsAsciiLetter(program[0]) ? program : "job-" + program;
        name = name[..Math.Min(name.Length, 50)];
        var free = name;
        for (var number = 2; site.Jobs.Find(free) is not null; number++)
            free = string.Create(CultureInfo.InvariantCulture, $"{name}-{number}");
        return free;
    }

    /// <summary>
    /// In bytes, whole MiB: files lie in memory, once while they are uploaded and once after, and a kernel and a job
    /// want room.
    /// </summary>
    static long Needed(long files)
    {
        const long MiB = 1 << 20, Room = 40 * MiB, MinBytes = 64 * MiB;
        return Math.Max(MinBytes, (2 * files + Room + MiB - 1) / MiB * MiB);
    }

    static int Seconds(TimeSpan time) => (int)Math.Clamp(Math.Ceiling(time.TotalSeconds), 1, int.MaxValue);

    static int Start(RunPlan plan, LocalPorts ports, byte[] initramfs, int nodes, string[] monitors, int lifetime)
    {
        var lab = LabLauncher.Prepare(nodes, monitors, lifetime);
        plan.Save(lab, initramfs);
        ports.Lead(port => Reach(lab, port));
        return LabLauncher.RunInside(lab, [Environment.ProcessPath!, "run-inside", lab.Directory], Ask);

        TimeSpan? Ask()
        {
            if (!File.Exists(RunPlan.BegunFile(lab)))
                return null;
            File.WriteAllText(RunPlan.StopFile(lab), "");
            return JobStop.Patience + TimeSpan.FromSeconds(5);
        }
    }

    static Socket Reach(LabPlan lab, PortPair port)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(RunPlan.SocketOf(lab, port));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    static bool IsVariable(string text)
    {
        var end = text.IndexOf('=');
        if (end < 1 || char.IsAsciiDigit(text[0]) || text.Contains('\0', StringComparison.Ordinal))
            return false;
        foreach (var letter in text.AsSpan(0, end))
        {
            if (!char.IsAsciiLetterOrDigit(letter) && letter != '_')
                return false;
        }
        return true;
    }
}
