using System.CommandLine;
using System.Globalization;
using System.Net;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Tokens;
using Wire;

namespace Evilman.Commands;

/// <summary>The options that say what a token permits; shared by every command that mints one.</summary>
internal sealed class TokenOptions
{
    readonly Option<string?> keyFile =
        Values.FileOption("--key-file", "The secret that the node and its broker share.");
    readonly Option<(IPAddress Address, int Length)?> bootAddress = new("--boot-address")
    {
        Description = "Where the new machine's firmware listens, and the length of its subnet's prefix.",
        HelpName = "A.B.C.D/LEN",
        CustomParser = result =>
        {
            if (Quantity.TryAddressWithLength(result.Tokens[0].Value, out var address, out var length))
                return (address, length);
            result.AddError($"--boot-address: {Values.Quoted(result.Tokens[0].Value)} is not an address like "
                + $"10.0.0.101/24");
            return null;
        },
    };
    readonly Option<IPAddress?> gateway = Values.AddressOption("--gateway", "The router of that subnet.");
    readonly Option<IPAddress[]> guests = new("--guest")
    {
        Description = "An address that the guest may use; up to four.",
        HelpName = "A.B.C.D",
        CustomParser = Values.Addresses,
    };
    readonly Option<ByteSize> memory = Values.BytesOption("--memory", "Memory of the machine.", "64M");
    readonly Option<int> cpuShare =
        Values.CountOption("--cpu-share",
            "Percent of a processor that the machine may use; nodes take less than 100 where they hold machines to it "
                + "(packetd's --min-cpu-share).", 100, 1, 100);
    readonly Option<int> tokens =
        Values.CountOption("--tokens",
            "How many payment tokens it carries (the k of the thesis). A machine ends when it has used the CPU time "
                + "that they pay for: an hour each, unless the node says otherwise.", 10, 1, 1_000_000);
    readonly Option<int> chainLength =
        Values.CountOption("--chain-length", "Elements of the new hash chain it begins.", 10_000, 1,
            Chain.MaxLength);
    readonly Option<string?> chainFile =
        Values.FileOption("--chain", "Take the chain from this file instead of beginning a new one.");
    readonly Option<Duration> expires = Values.DurationOption("--expires", "How long the token is good for.", "10m");

    readonly Option<Prices> prices = new("--prices")
    {
        Description = "What the machine pays with its tokens, in units: of a microsecond of CPU time, a MiB of memory "
            + "for a second, a KiB sent or received, a second of existence. Nothing has a price otherwise.",
        HelpName = "CPU,MEMORY,NETWORK,EXISTENCE",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (TryParsePrices(text, out var parsed))
                return parsed;
            result.AddError($"--prices: {Values.Quoted(text)} is not {Prices.Count} numbers from 0 to {uint.MaxValue} "
                + "with commas between");
            return default;
        },
    };
    readonly Option<ulong> tokenValue =
        Values.NumberOption("--token-value", "Units that one payment token is worth, where something has a price.",
            1_000_000, BootToken.MaxValue);

    readonly Option<Duration> lease =
        Values.DurationOption("--lease", "How long the machine waits for its loader before it ends itself.", "60s");

    /// <summary>Only of commands that take a bought token.</summary>
    internal Option<string?> MachineKey { get; } =
        Values.FileOption("--machine-key",
            "With --token: the key of the machine that it starts; otherwise it lies beside the token, with "
                + "«.machine-key» after its name.");

    /// <summary>What the token allows to be loaded: hashed into it.</summary>
    internal Option<string?> Loader { get; } =
        Values.FileOption("--loader", "The only loader that the machine will start.");

    /// <summary>What only minting asks for.</summary>
    Option[] OfMinting => [keyFile, bootAddress, gateway, guests, memory, cpuShare, tokens, chainLength, chainFile, prices, tokenValue, expires, lease];

    internal void AddTo(Command command)
    {
        foreach (var option in OfMinting)
            command.Options.Add(option);
        command.Options.Add(Loader);
    }

    /// <summary>Refuses options that would change nothing, because the token is there already.</summary>
    /// <param name="token">Whose token it is, for the sentence.</param>
    void DemandNoneOfMinting(ParseResult result, string token)
    {
        foreach (var option in OfMinting)
        {
            if (result.GetResult(option) is { Implicit: false })
                throw Failure.Usage($"{option.Name} says what a new token shall permit: {token} says that already");
        }
    }

    internal (IPAddress Address, int Length) BootAddress(ParseResult result) =>
        result.GetValue(bootAddress)
            ?? throw Failure.Usage("--boot-address is missing: the address of the new machine's firmware");

    internal IPAddress[] Guests(ParseResult result) => result.GetValue(guests) ?? [];

    /// <summary>Whether a chain is begun for the token, and none was given.</summary>
    internal bool BeginsChain(ParseResult result) => result.GetValue(chainFile) is null;

    /// <summary>
    /// A token and the key of the machine that it will start: minted, or bought, which is a file of each.
    /// </summary>
    /// <param name="tokenFile">The bought token, or null.</param>
    /// <param name="place">A node, or where there is no token file a machine that was bought.</param>
    internal (IPAddress Node, byte[] Token, byte[] MachineKey) TokenAndKey(ParseResult result, string? tokenFile,
        Place place, IPAddress? standardGuest = null)
    {
        if (tokenFile is null && place.Machine() is { } machine)
        {
            var bought = machine.Bought ?? throw Failure.Usage($"the purchase of {place} is under way: «evilman buy» "
                + "with the same options finishes it");
            DemandNoneOfMinting(result, $"the token of {place}");
            return (bought.Node(), bought.Token(), bought.Key());
        }
        var node = place.Node();
        var machineKeyFile = result.GetValue(MachineKey);
        if (tokenFile is null)
        {
            if (machineKeyFile is not null)
                throw Failure.Usage("--machine-key belongs to --token: the key of a token that is minted here is "
                    + "derived from --key-file");
            var known = place.Name is null ? null : Inventory.Load().Node(place.Name);
            var (minted, _, key, _) = Sign(result, node, standardGuest, known?.KeyFile);
            return (node, minted, key);
        }
        DemandNoneOfMinting(result, tokenFile);
        // Beside the token, where mint puts it.
        return (node, TokenFile.Read(tokenFile), MachineKeyFile.Read(machineKeyFile ?? tokenFile + ".machine-key"));
    }

    /// <param name="standardGuest">The guest address to permit when the user names none.</param>
    /// <param name="standardKeyFile">The node's secret when the user names none.</param>
    internal (byte[] Token, Chain Chain, byte[] MachineKey, byte[] RefundSecret) Sign(ParseResult result, IPAddress node,
        IPAddress? standardGuest = null, string? standardKeyFile = null)
    {
        var key = SecretFile.ReadKey(result.GetValue(keyFile) ?? standardKeyFile
            ?? throw Failure.Usage("--key-file is missing: the secret that signs the token"));
        var (address, length) = BootAddress(result);
        var chain = result.GetValue(chainFile) is { } file ? ChainFile.Load(file)
            : Chain.Fresh(result.GetValue(chainLength));
        var refundSecret = Secret.Random(AccountRequest.SecretSize);
        var price = result.GetValue(prices);
        var request = new MintRequest
        {
            Node = node,
            BootAddress = address,
            PrefixLength = length,
            Gateway = result.GetValue(gateway),
            Guests = Guests(result).Length == 0 && standardGuest is not null ? [standardGuest] : Guests(result),
            MemoryBytes = result.GetValue(memory),
            CpuPercent = result.GetValue(cpuShare),
            Tokens = result.GetValue(tokens),
            Lifetime = result.GetValue(expires),
            Lease = result.GetValue(lease),
            Value = result.GetValue(tokenValue),
            Prices = [price[0], price[1], price[2], price[3]],
            RefundSecret = refundSecret,
            Loader = BootClient.ReadFile(result.GetValue(Loader)
                ?? throw Failure.Usage("--loader is missing: the file whose hash goes into the token")),
        };
        AddressRules.Demand(request);
        var token = Signing.Token(request, key, chain);
        return (token, chain, Mint.MachineKey(token, key), refundSecret);
    }

    /// <param name="former">A boot token or a continuation.</param>
    internal (byte[] Token, Chain Chain) MintContinuation(ParseResult result, byte[] former)
    {
        var key = SecretFile.ReadKey(result.GetValue(keyFile)
            ?? throw Failure.Usage("--key-file is missing: the secret that signs the continuation"));
        if (result.GetValue(chainFile) is not null)
            throw Failure.Usage("--chain: a continuation begins a chain of its own");
        var chain = Chain.Fresh(result.GetValue(chainLength));
        return (Signing.Continuation(former, result.GetValue(tokens), key, chain), chain);
    }

    static bool TryParsePrices(string text, out Prices prices)
    {
        prices = default;
        var parts = text.Split(',');
        if (parts.Length != Prices.Count)
            return false;
        for (var i = 0; i < parts.Length; i++)
        {
            if (!uint.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out var price))
                return false;
            prices[i] = price;
        }
        return true;
    }
}
