using System;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Text;
using Tokens;
using Wire;

namespace Evilman.Run;

/// <summary>What is bought where a node's machines are sold by a broker.</summary>
/// <param name="Plan">As the broker calls it; null for the smallest that has the memory.</param>
internal sealed record MachineWish(string? Plan, int Tokens)
{
    internal const int UsualTokens = 10;
}

/// <summary>
/// Machines that jobs have from brokers. They lie in the store of those that «evilman buy» buys, as JOB-1, and JOB-2 and so
/// on where the job moves: so the next purchase's name, and with it the order and its Idempotency-Key, is known before it
/// is made. A command that is killed leaves its purchase under that name, and the same command again takes it.
/// </summary>
internal sealed class JobPurchases(MachineStore store, Func<IMachineFile, MachinePurchase> purchases,
    Func<string?, KnownBroker> brokers, Func<long> clock)
{
    internal static JobPurchases Standard => new(MachineStore.Standard, file => MachinePurchases.For(file),
        name => Inventory.Load().Broker(name), () => DateTimeOffset.UtcNow.ToUnixTimeSeconds());

    /// <summary>
    /// Buys a machine whose token has not gone to its node. Nobody else begins or moves that job meanwhile.
    /// </summary>
    /// <param name="number">Of the job's machines, from 1 on.</param>
    /// <param name="memory">Bytes.</param>
    /// <param name="guest">The address that the guest has on another node; null for one that the broker chooses.</param>
    internal Purchase Buy(KnownNode node, string job, int number, MachineWish wish, long memory, byte[] loader,
        IPAddress? guest, out string name)
    {
        var broker = brokers(node.Broker);
        var plan = PlanFor(broker, wish.Plan, memory);
        var wanted = new NewMachine(plan, wish.Tokens, Convert.ToHexStringLower(Mint.Hash(loader)), node.Name,
            guest is null ? null : [$"{guest}"]);
        name = NameFor(job, number, broker.Name, JsonSerializer.Serialize(wanted, Json.Default.NewMachine));
        using var file = store.Open(name);
        var isBegun = purchases(file).Buy(broker.Name, wanted);
        var bought = file.Machine!.Bought!;
        Say.Step($"{name}: {Price(bought, broker.Name)}" + (isBegun ? " (bought before, and not used yet)" : ""));
        return bought.Machine.Guests is [var first, ..] && Quantity.TryAddress(first, out _) ? bought
            : throw new Failure($"the broker {broker.Name} sold {name} without an address for a guest");
    }

    /// <summary>The node's machine as a job remembers it.</summary>
    internal static JobMachine MachineOf(Purchase bought, string name) =>
        JobMachine.Of(bought.Machine.Node, bought.Node(), bought.Token(), bought.Key()) with { Bought = name };

    /// <summary>From now on the node may have the machine's token; or again it has not, since it refused it.</summary>
    internal void MarkSpent(string name, bool isSpent)
    {
        using var file = store.Open(name);
        if (file.Machine is { } machine)
            file.Save(machine with { IsSpent = isSpent });
    }

    /// <summary>
    /// Ends a machine, and gets back what is left of it. What the broker has not answered then «evilman refund» finishes.
    /// </summary>
    /// <returns>Whether the machine is there no more, as its node says.</returns>
    internal bool TryRefund(JobMachine machine, out string sentence)
    {
        var name = machine.Bought!;
        using var file = store.Open(name);
        // What was under way comes first, and may be refused without saying anything of this.
        for (var isLast = file.Machine?.Order is null; ; isLast = true)
        {
            if (file.Machine is null or { Refunded: not null })
            {
                sentence = $"the machine on {machine.Node} had ended already";
                return true;
            }
            try
            {
                var refund = purchases(file).Refund();
                sentence = string.Create(CultureInfo.InvariantCulture,
                    $"the machine on {machine.Node} has been ended: of {file.Machine!.Amount} units {refund.Burned} were used and ")
                    + string.Create(CultureInfo.InvariantCulture,
                    $"{refund.Refunded} came back, the balance is {refund.Balance}");
                return true;
            }
            catch (Failure failure) when (file.Machine is { Certificate: not null })
            {
                sentence = $"the machine on {machine.Node} has been ended, and its units have not come back yet "
                    + $"({failure.Message}): «evilman refund {name}» gets them";
                return true;
            }
            catch (Failure failure) when (failure.ExitCode == ExitCode.Refused)
            {
                sentence = $"the machine on {machine.Node} had ended already ({failure.Message})";
                if (isLast)
                    return true;
            }
            catch (Failure failure)
            {
                sentence = $"{machine.Node} cannot be asked ({failure.Message})";
                return false;
            }
        }
    }

    /// <summary>What a machine was bought for, so that the next one of its job is like it.</summary>
    internal MachineWish? WishOf(string name) =>
        store.Find(name) is { Bought: { } bought } ? new MachineWish(bought.Machine.Plan, (int)bought.Tokens) : null;

    /// <summary>The first name from that number on that is free, or whose machine is this one and unused.</summary>
    string NameFor(string job, int number, string broker, string wanted)
    {
        for (; ; number++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{job[..Math.Min(job.Length, 56)]}-{number}");
            if (store.Find(name) is not { Refunded: null } there
                || there is { IsSpent: false, Certificate: null } && there.Wanted == wanted && there.Broker == broker
                    && (there.Bought is not { } bought || Expires(bought) > clock()))
                return name;
        }
    }

    static long Expires(Purchase bought) =>
        BootToken.TryParse(bought.Token(), out var token) ? (long)token.Expires : 0;

    /// <summary>The named plan, or the smallest that will do, with the largest share of a processor; asked for before anything is bought.</summary>
    static string PlanFor(KnownBroker broker, string? named, long memory)
    {
        var plans = new BrokerClient(broker).List("/v1/plans", Json.Default.PagePlanView).ToList();
        var all = plans.Count == 0 ? "it has none" : string.Join(", ", plans.Select(plan => plan.Name));
        if (named is null)
            return plans.Where(plan => plan.MemoryMib >= memory >> 20 && plan.Guests > 0).OrderBy(plan => plan.MemoryMib)
                .ThenByDescending(plan => plan.CpuPercent).ThenBy(plan => plan.TokenValue).FirstOrDefault()?.Name
                ?? throw new Failure($"the broker {broker.Name} has no plan with {memory >> 20} MiB of memory and an address "
                    + $"for a guest: {all}");
        var wanted = plans.Find(plan => plan.Name == named)
            ?? throw Failure.Usage($"the broker {broker.Name} has no plan {named}: {all}");
        if (wanted.MemoryMib < memory >> 20)
            throw Failure.Usage($"the plan {named} has {wanted.MemoryMib} MiB of memory, and {memory >> 20} are needed");
        return wanted.Guests > 0 ? named : throw Failure.Usage($"the plan {named} has no address for a guest: --plan names another");
    }

    static string Price(Purchase bought, string broker)
    {
        var idle = "";
        if (BootToken.TryParse(bought.Token(), out var token))
        {
            var rate = token.Prices[(int)Resource.Existence]
                + (ulong)token.Prices[(int)Resource.Memory] * (ulong)bought.Machine.MemoryMib;
            if (rate > 0)
                idle = $" ({Quantity.Age((long)((ulong)bought.Amount / rate))} when it idles)";
        }
        return string.Create(CultureInfo.InvariantCulture,
            $"{bought.Tokens} tokens for {bought.Amount} units of {broker}{idle}, of which {bought.Balance} are left");
    }
}
