using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Commands;
using Evilman.Lab;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Wire;

namespace Evilman.Demo;

/// <summary>
/// The life of a paid machine (thesis §8.2): bought, booted, low, resupplied by home, moved to another node, paid no more,
/// purged; another is given back half-way; and where all the money is.
/// </summary>
internal sealed class TokenStory(TokenStage stage, TokenTimes times)
{
    const string First = "job", Second = "job2", Other = "other";
    const long Deposit = 1000 * TokenStage.TokenValue;
    const string Words = "tokend.d/end: there is still time to save the work";
    const int Executable = 0x81ED, Directory = 0x41ED; // -rwxr-xr-x, drwxr-xr-x

    static readonly string[] s_all = [First, Second, Other];

    LabNode From => stage.Lab.Nodes[0];

    LabNode To => stage.Lab.Nodes[1];

    internal TokenResult Play()
    {
        Say.Title("A broker opens, and alice pays in");
        stage.OpenBroker(Deposit);

        Say.Title("She buys a machine, and has home look after it");
        stage.Customer("buy", First, "--plan", TokenStage.Plan, "--tokens", Number(times.First), "--node", From.Name,
            "--loader", Image("loader-kernel"));
        var guest = stage.Bought(First).Machine.Guests[0];
        stage.StartHome(Job(First, guest, null), times.Interval);
        Boot(First, string.Create(CultureInfo.InvariantCulture,
            $"tokend.home={LabPlan.ClientAddress} tokend.low={times.Low} tokend.last={times.Last}"));

        Say.Title("It runs low, calls home, and is resupplied");
        stage.Hear(From.Name, "tokend: this machine runs on the node");
        stage.Hear(From.Name, "calling home");
        stage.Hear(TokenStage.HomeName, $"{First} has");
        stage.Hear(From.Name, "tokend: paid again");
        Balance(First);

        Say.Title("It moves to another node, where it is bought a place");
        stage.Customer("buy", Second, "--plan", TokenStage.Plan, "--tokens", Number(times.Second), "--node", To.Name,
            "--guest", guest, "--loader", Image("loader-checkpoint"));
        // What it was bought for is its budget: home pays nothing more.
        stage.SetJobs(Job(First, guest, null) + Job(Second, guest, times.Second * TokenStage.TokenValue));
        stage.Customer("move", First, Second, "--leave", First);
        var watch = new GraceWatch(() => stage.Account(Second));
        stage.Hear(To.Name, "tokend: this machine runs on the node");
        Serves(guest);
        stage.Customer("refund", First);

        Say.Title("Another machine is given back half-way");
        stage.Customer("buy", Other, "--plan", TokenStage.Plan, "--tokens", Number(times.Other), "--node", From.Name,
            "--loader", Image("loader-kernel"));
        Boot(Other, "");
        stage.Await("half of it is used", () =>
            stage.Account(Other) is { } account && account.Unused <= Paid(account) / 2);
        Balance(Other);
        stage.Customer("refund", Other);

        Say.Title("Home pays no more");
        stage.Hear(TokenStage.HomeName, $"{Second} runs low and is not paid: its budget");
        stage.Hear(To.Name, "tokend: home does not pay: the budget is used up");
        stage.Hear(To.Name, "tokend: the end is near");
        stage.Hear(To.Name, Words);
        stage.Await("the machine is purged", () => watch.HasEnded);
        Say.Step($"{To.Name} has ended the machine: {Purge()}");
        // "evilman pay" asks the node first, and buys nothing for a machine that has ended; a purchase without asking
        // buys tokens that the node does not take any more, and they are refunded.
        stage.Customer(ExitCode.Refused, "pay", Second, "--tokens", "1");
        PayTooLate(Second);
        var kept = Kept(Second);
        stage.Customer("refund", Second);

        Say.Title("The books");
        stage.Customer("ledger");
        return Judge(watch, kept);
    }

    void Boot(string name, string commandLine)
    {
        var path = Path.Combine(stage.Lab.Directory, "guest.cpio");
        if (!File.Exists(path))
            File.WriteAllBytes(path, GuestKeyArchive.Append(BootClient.ReadFile(Files.Find("guest.cpio", "run «make»")),
                ("etc", Directory, []), ("etc/tokend.d", Directory, []),
                ("etc/tokend.d/end", Executable,
                    Encoding.ASCII.GetBytes($"#!/bin/sh\necho \"{Words}\" >/dev/kmsg\n"))));
        stage.Customer("boot", name, "--loader", Image("loader-kernel"), "--kernel", Image("guestos"), "--initramfs",
            path, "--append", commandLine);
    }

    static string Image(string name) => Files.Find(name, "run «make»");

    string Job(string name, string guest, long? budget) => string.Create(CultureInfo.InvariantCulture, $"""
        [jobs.{name}]
        url = "http://{guest}/"
        tokens = {times.More}
        low = {times.Low}
        stall = 60
        {(budget is null ? "" : $"budget = {budget}")}

        """);

    /// <summary>
    /// The balance, as the node tells the customer, and as it tells the broker, which asks for customers that have only
    /// HTTP.
    /// </summary>
    void Balance(string name)
    {
        stage.Customer("balance", name);
        var client = new BrokerClient(Inventory.Load().Broker(null));
        var account = client.Get(FormattableString.Invariant($"/v1/machines/{stage.Bought(name).Machine.Id}/account"),
            Json.Default.HeardAccount);
        if (account.State != "running" || account.Unused <= 0)
            throw new Failure($"the broker says of {name} that it is {account.State}, with {account.Unused} units left");
        Say.Step(string.Create(CultureInfo.InvariantCulture,
            $"the broker has heard from the node that {account.Unused} units are left"));
    }

    static void Serves(string guest)
    {
        var answer = SmallHttp.Get(new IPEndPoint(IPAddress.Parse(guest), 80), "/", TimeSpan.FromSeconds(10));
        if (answer.Status != 200)
            throw new Failure($"the guest answers with status {answer.Status} after its move");
        Say.Step("the guest serves there as before");
    }

    /// <summary>The line of the node's log that says so.</summary>
    string Purge()
    {
        foreach (var line in File.ReadLines(stage.Lab.LogFile(To)))
        {
            if (line.Contains("purged", StringComparison.Ordinal))
                return line;
        }
        throw new Failure($"{To.Name} does not say that it has purged a machine");
    }

    /// <summary>Buys a token as home does for a machine that it has just seen running: this one has ended meanwhile.</summary>
    static void PayTooLate(string name)
    {
        try
        {
            using var file = MachineStore.Standard.Open(name);
            MachinePurchases.For(file).PayRunning(1);
        }
        catch (Failure refused) when (refused.ExitCode == ExitCode.Refused)
        {
            Say.Step($"a token was bought all the same: {refused.Message}");
            return;
        }
        throw new Failure($"the node of {name} takes a token for a machine that has ended");
    }

    /// <summary>Elements of a machine that the customer has, and its node has not taken.</summary>
    static long Kept(string name)
    {
        long most = 0;
        foreach (var ping in MachineStore.Standard.Demand(name).Pings)
        {
            if (!Payment.TryParse(Convert.FromHexString(ping.Body), out var payment))
                throw new Failure("a machine's chain has ended, which this story has no part for");
            most = Math.Max(most, payment.Count);
        }
        return most;
    }

    /// <summary>What a node was paid, by its own count.</summary>
    static ulong Paid(AccountView account) => account.Paid * (ulong)TokenStage.TokenValue;

    /// <summary>What the machine has used, at the prices of its boot token.</summary>
    ulong Spent(string name, AccountView account)
    {
        if (!BootToken.TryParse(stage.Bought(name).Token(), out var token))
            throw new Failure("that is not a boot token");
        var prices = token.Prices;
        return prices[(int)Resource.Cpu] * account.CpuMicroseconds
            + prices[(int)Resource.Memory] * account.MemoryMibSeconds
            + prices[(int)Resource.Network] * account.NetworkKib
            + prices[(int)Resource.Existence] * account.Seconds;
    }

    TokenResult Judge(GraceWatch watch, long kept)
    {
        long sold = 0, given = 0;
        foreach (var line in stage.Quietly("ledger", "--json").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var entry = JsonSerializer.Deserialize(line, Json.Default.EntryView)!;
            sold -= entry.Kind is "purchase" or "resupply" ? entry.Amount : 0;
            given += entry.Kind == "refund" ? entry.Amount : 0;
        }
        var client = new BrokerClient(Inventory.Load().Broker(null));
        var machines = client.List("/v1/machines", Json.Default.PageMachineView).ToDictionary(view => view.Name);
        long burned = 0, refunded = 0, twice = 0;
        foreach (var name in s_all)
        {
            var machine = MachineStore.Standard.Demand(name);
            var certificate = AccountView.TryRead(Convert.FromHexString(machine.Certificate!), machine.Bought!.Name())!;
            refunded += (long)certificate.Unused;
            burned += (long)Math.Min(Spent(name, certificate), Paid(certificate));
            var held = Math.Max(certificate.Paid, name == Second ? kept : 0);
            twice += Math.Max(0, held - machines[machine.Bought.Machine.Name].Sold);
        }
        var verified = stage.Tokenbroker("verify").Trim();
        Say.Note(verified);
        var unpaid = watch.Ages is var (broke, ended) ? (long)(ended - broke) : -1;
        var result = new TokenResult(sold, burned, refunded, Of(verified, "breakage"), twice, unpaid);
        void Demand(bool isSo, string otherwise)
        {
            if (!isSo)
                result.Complaints.Add(otherwise);
        }
        Demand(verified.StartsWith("verify: ok", StringComparison.Ordinal), "the ledger does not verify");
        Demand(Of(verified, "sold") == sold, "the broker's books say that another amount was sold than the customer's");
        Demand(Of(verified, "burned") == burned, "the broker's books say that another amount was burned than the nodes");
        Demand(Of(verified, "refunded") == refunded && given == refunded,
            "another amount was given back than the nodes' certificates say");
        Demand(Of(verified, "outstanding") == 0, "something is outstanding, and all machines have ended");
        Demand(result.Breakage == TokenStage.TokenValue, "breakage is not the token that came too late");
        Demand(result.Lost == 0, "what was sold is not what was burned, refunded and breakage");
        Demand(twice == 0, "a node has taken elements that the broker did not sell");
        Demand(unpaid >= 0 && unpaid <= times.Grace, "the machine ran unpaid longer than its grace, or had none");
        return result;
    }

    static long Of(string verified, string name)
    {
        foreach (var word in verified.Split(' '))
        {
            if (word.StartsWith(name + "=", StringComparison.Ordinal))
                return long.Parse(word[(name.Length + 1)..], CultureInfo.InvariantCulture);
        }
        throw new Failure($"tokenbroker verify says nothing of {name}: {verified}");
    }

    static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
