using System;
using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Threading;
using Evilman.Buying;
using Evilman.Demo;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Run;
using Evilman.Text;
using Wire;

namespace Evilman.Commands;

/// <summary><c>evilman move GUEST NODE …</c>: figure 8.4 of the thesis from the customer's side.</summary>
internal static class MoveCommand
{
    internal static Command Create()
    {
        var guest = Values.Place("guest",
            "The guest's address, or the name of the machine that was bought for it; with --to the name of what «evilman "
                + "run» has started.");
        var node = Values.OptionalPlace("node",
            "The node it shall move to, or the name of a machine that was bought there.");
        var target = new Option<string?>("--to")
        {
            Description = "The node that a program shall move to which «evilman run --on» has started: its name in the "
                + "inventory, or in the program's lab.",
            HelpName = "NODE",
        };
        var tokenFile = Values.FileOption("--token", "Spend this boot token instead of minting one.");
        var timeout = Values.DurationOption("--timeout", "Patience with the whole move.", "60s");
        var guestKeyFile =
            Values.FileOption("--guest-key",
                "The key that commands the guest; otherwise A.B.C.D.guest-key, of its address, as boot leaves it.");
        var plaintext = new Option<bool>("--plaintext")
        {
            Description = "Send the guest's memory unencrypted: everybody on the way can read and change it.",
        };
        var giveUp = Values.CountOption("--give-up",
            "Have the guest give up, and stay, when its snapshot has not come after so many seconds; 0 for never.",
            0, 0, Wire.MoveCommand.MaxSeconds);
        var rate = Values.CountOption("--rate",
            "Most megabits a second that the guest sends before its snapshot; 0 for as fast as it goes.",
            0, 0, Wire.MoveCommand.MaxRate);
        rate.Aliases.Add("--limit");
        var verify = new Option<bool>("--verify")
        {
            Description = "Have every page hashed at the instant of the snapshot, and compared where it arrives: slower, and proves that the guest "
                + "came whole.",
        };
        var left = Values.PlaceOption("--leave",
            "The machine that the guest leaves, or with --leave-key its node: the machine there is ended once the guest has arrived, should it not "
                + "have heard so.");
        var leftKeyFile =
            Values.FileOption("--leave-key",
                "With --leave: the key of that machine, which «evilman mint» wrote beside its token.");
        var json = Values.Json();
        var options = new TokenOptions();
        var command = new Command("move", "Asks a guest to move itself to another node.") 
        {
            guest, node, target, json, tokenFile, options.MachineKey, guestKeyFile, plaintext, rate, verify, giveUp, left,
                leftKeyFile, timeout,
        };
        options.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(target) is null == (result.GetResult(node) is not { Tokens.Count: > 0 }))
                result.AddError("name the node that it shall move to, or say --to for what «evilman run» has started");
            var leaves = result.GetResult(left);
            var isMachine = leaves is { Tokens: [{ Value: var word }] } && Inventory.IsName(word);
            if (!isMachine && (leaves is null) != (result.GetResult(leftKeyFile) is null))
                result.AddError("--leave and --leave-key belong together: a node, and the key of the guest's machine "
                    + "there");
        });
        command.WithExamples("""
            evilman move 10.0.0.50 10.0.0.2 --key-file node2.key \
                    --boot-address 10.0.0.121/24 --loader loader-checkpoint
            evilman move 10.0.0.50 10.0.0.2 --token move.token \
                    --leave 10.0.0.1 --leave-key job.token.machine-key
            evilman move job job2 --leave job                 machines that were bought
            evilman move server --to n2            what «evilman run --on» has started
            evilman move server --to n2 --verify --limit 20
            """);
        command.SetAction(result =>
        {
            if (result.GetValue(target) is { } goal)
            {
                return MoveJob($"{result.GetValue(guest)}", goal, result.GetValue(json), new MoveOrder(IPAddress.Any, [])
                {
                    Flags = Flags(result.GetValue(plaintext), result.GetValue(verify)),
                    Rate = result.GetValue(rate),
                    GiveUp = result.GetValue(giveUp),
                }, result.GetValue(timeout));
            }
            Say.IsForPrograms = result.GetValue(json);
            var moved = Guest(result.GetValue(guest));
            var guestKey =
                GuestKeyFile.Read(result.GetValue(guestKeyFile) ?? BootCommand.GuestKeyName(moved), key =>
                    GuestControl.Obeys(moved, key));
            var (to, token, machineKey) =
                options.TokenAndKey(result, result.GetValue(tokenFile), result.GetValue(node), moved);
            if (!BootToken.TryParse(token, out var parsed))
                throw new Failure("that is not a boot token");
            var order = new MoveOrder(Ipv4.Address(parsed.BootAddress), machineKey)
            {
                Flags = Flags(result.GetValue(plaintext), result.GetValue(verify)),
                Rate = result.GetValue(rate),
                GiveUp = result.GetValue(giveUp),
            };
            var old = Left(result.GetValue(left), result.GetValue(leftKeyFile));
            if (result.GetValue(plaintext))
                Say.Warn("not encrypted: everybody on the way can read and change the guest's memory");
            var took = Move(moved, guestKey, to, token, order, result.GetValue(timeout));
            old?.End();
            if (Say.IsForPrograms)
                Lines.Print(new MoveLine($"{moved}", $"{to}", $"{order.Destination}", took.TotalMilliseconds),
                    Lines.Default.MoveLine);
            return ExitCode.Done;
        });
        return command;
    }

    internal static MoveFlags Flags(bool plaintext, bool verify) =>
        (plaintext ? MoveFlags.Plaintext : MoveFlags.None) | (verify ? MoveFlags.Checksum | MoveFlags.Verify : MoveFlags.None);

    static int MoveJob(string name, string goal, bool json, MoveOrder wishes, TimeSpan patience)
    {
        var (site, _) = Site.FindJob(name);
        site.Enter();
        var to = site.Node(goal);
        return new JobMove(site, name, to, json).Run(wishes, patience);
    }

    static IPAddress Guest(Place place)
    {
        if (place.Address is { } address)
            return address;
        var bought = MachineStore.Standard.Demand(place.Name!).Bought;
        return bought is { Machine.Guests: [var first, ..] } && Quantity.TryAddress(first, out var guest) ? guest
            : throw Failure.Usage($"the machine {place} was bought without an address for its guest");
    }

    static LeftMachine? Left(Place? place, string? keyFile)
    {
        if (place is not { } left)
            return null;
        if (keyFile is not null)
            return new LeftMachine(left.Node(), MachineKeyFile.Read(keyFile));
        return MachineStore.Standard.Demand(left.Name!).Bought is { } bought
            ? new LeftMachine(bought.Node(), bought.Key()) : throw Failure.Usage($"{left} has not been bought yet");
    }

    /// <summary>
    /// How long it took, from the token to the guest's word that it has arrived. Interrupted, the guest is asked to stay,
    /// and is then told as it answers.
    /// </summary>
    static TimeSpan Move(IPAddress guest, byte[] guestKey, IPAddress node, byte[] token, MoveOrder order,
        TimeSpan patience)
    {
        var start = Stopwatch.GetTimestamp();
        using var echo = EchoSocket.Open();
        var isFound = MagicPinger.Demand(echo, node, token, order.MachineKey, MagicPinger.Patience).Found;
        var isInterrupted = false;
        using var control = Begin(echo, guest, guestKey, node, order, isFound, start, patience);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        var isAsked = false;
        for (var shown = 0; ; Thread.Sleep(20))
        {
            var ended = control.Ended;
            var said = control.Lines;
            for (; shown < said.Length; shown++)
                Say.Note(said[shown]);
            if (ended is 0)
            {
                var took = Stopwatch.GetElapsedTime(start);
                Say.Step($"the guest is on {node}, {Quantity.Milliseconds(took.TotalMilliseconds)} after the token");
                return took;
            }
            if (ended is not null)
            {
                if (!isFound)
                    MagicPinger.End(echo, node, order.MachineKey, MagicPinger.Patience);
                throw new Failure("the guest stays where it is, and the machine on "
                    + $"{node} {(isFound ? "ends with its lease" : "has been ended")}: "
                    + (isAsked ? "cancelled" : said[^1]), isAsked ? ExitCode.Interrupted : ExitCode.Failed);
            }
            if (control.Broken is { } why)
                throw new Failure($"how the move ends is not known: {why}");
            if (Stopwatch.GetElapsedTime(start) > patience)
                throw Failure.NoAnswer($"the move did not end within {patience.TotalSeconds:0} s: "
                    + $"{(said.Length == 0 ? "the guest says nothing" : said[^1])}");
            if (!Volatile.Read(ref isInterrupted) || isAsked)
                continue;
            isAsked = true;
            GuestControl.Cancel(guest, guestKey);
        }

        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            Volatile.Write(ref isInterrupted, true);
        }
    }

    /// <summary>Waits for the empty machine, and commands the guest to move there.</summary>
    /// <param name="isFound">Somebody else has started that machine.</param>
    static GuestControl Begin(EchoSocket echo, IPAddress guest, byte[] guestKey, IPAddress node, MoveOrder order,
        bool isFound, long start, TimeSpan patience)
    {
        var boot = order.Destination;
        using var started = new StartedMachine(node, order.MachineKey);
        if (isFound)
            started.Keep();
        Say.Step(isFound ? $"{node} has the token already; its machine at {boot} is empty and has its key"
            : $"{node} accepted the token; an empty machine starts at {boot}");
        while (echo.Exchange(boot, new byte[16], TimeSpan.FromMilliseconds(200)) is null)
        {
            if (Stopwatch.GetElapsedTime(start) > patience)
                throw Failure.NoAnswer($"the machine at {boot} does not answer");
        }
        var control = GuestControl.Move(guest, guestKey, order);
        // From here on the guest may be there: a machine that it does not reach ends with its lease.
        started.Keep();
        Say.Step($"the guest at {guest} moves; Ctrl-C asks it to stay");
        return control;
    }
}
