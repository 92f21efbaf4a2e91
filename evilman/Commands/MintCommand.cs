using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Wire;

namespace Evilman.Commands;

/// <summary><c>evilman mint FILE --node … </c>.</summary>
internal static class MintCommand
{
    internal static Command Create()
    {
        var file = new Argument<string>("file") { Description = "Where to write the token." };
        var node = Values.AddressOption("--node", "The node that shall honour it.");
        var continues = Values.FileOption("--continues",
            "Instead of a boot token mint a continuation: a new chain for the machine that this boot token has started, or "
                + "that was continued with this last.");
        var json = Values.Json();
        var options = new TokenOptions();
        var force = new Option<bool>("--force")
        {
            Description = "Replace a token, and what belongs to it, that has this name.",
        };
        var command =
            new Command("mint", "Signs a boot token: the permission to start one machine on one node.") { file, node,
                continues, force, json };
        options.AddTo(command);
        command.Validators.Add(result =>
        {
            if ((result.GetResult(node) is null) == (result.GetResult(continues) is null))
                result.AddError("--node or --continues: a boot token names the node that shall honour it, a continuation "
                    + "what it continues");
        });
        command.WithExamples("""
            evilman mint job.token --node 10.0.0.1 --key-file node1.key \
                    --boot-address 10.0.0.101/24 --guest 10.0.0.50 --memory 64M \
                    --loader loader-kernel
            evilman ping 10.0.0.1 --token job.token        spend it
            evilman mint job.more --continues job.token --key-file node1.key
            evilman pay 10.0.0.1 --token job.token --continuation job.more
            """);
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            var path = result.GetValue(file)!;
            if (result.GetValue(continues) is { } former)
                return Continue(options, result, path, former, result.GetValue(force));
            var (token, chain, machineKey, refundSecret) = options.Sign(result, result.GetValue(node)!);
            // The token comes last: where it is, what belongs to it is too.
            List<(string Path, byte[] Bytes)> files =
                [(path + ".machine-key", MachineKeyFile.Text(machineKey)), (path, token)];
            if (IsPriced(token))
                files.Insert(0, (path + ".refund", MachineKeyFile.Text(refundSecret)));
            var begun = options.BeginsChain(result);
            if (begun)
                files.Insert(0, (path + ".chain", ChainFile.Text(chain)));
            SecretFile.WriteAll(files, result.GetValue(force));
            Print(path, token);
            Say.Note("it is a bearer's: whoever reads it can spend it");
            Say.Note($"{path}.machine-key commands the machine, and never goes over the wire");
            if (IsPriced(token))
                Say.Note($"{path}.refund ends the machine for what is left of its tokens");
            if (begun)
                Say.Note($"further payments come from {path}.chain");
            if (Say.IsForPrograms && BootToken.TryParse(token, out var minted))
                Lines.Print(Line(path, minted, begun), Lines.Default.TokenLine);
            return ExitCode.Done;
        });
        return command;
    }

    static TokenLine Line(string path, BootToken token, bool begun)
    {
        var guests = new string[token.GuestCount];
        for (var i = 0; i < guests.Length; i++)
            guests[i] = $"{Ipv4.Address(token.Guest(i))}";
        return new TokenLine(path, Convert.ToHexStringLower(token.ChainEnd.Bytes), $"{Ipv4.Address(token.Node)}",
            $"{Ipv4.Address(token.BootAddress)}/{token.PrefixLength}", guests, token.ElementCount, (long)token.Expires,
            path + ".machine-key", token.Prices.IsAny ? path + ".refund" : null, begun ? path + ".chain" : null);
    }

    static int Continue(TokenOptions options, ParseResult result, string path, string formerPath, bool force)
    {
        var former = Files.Read(formerPath, BootToken.Size, "a boot token or a continuation");
        var (bytes, chain) = options.MintContinuation(result, former);
        SecretFile.WriteAll([(path + ".chain", ChainFile.Text(chain)), (path, bytes)], force);
        if (!Continuation.TryParse(bytes, out var token))
            throw new Failure("the continuation just minted is malformed"); // Mint checks every field, so this is a bug
        Say.Step($"{path}: a continuation for {Ipv4.Address(token.Node)}, with {token.ElementCount} tokens of a new chain");
        Say.Note($"machine    {Convert.ToHexStringLower(token.Machine.Bytes)}");
        Say.Note($"further payments come from {path}.chain, once the node has taken it");
        if (Say.IsForPrograms)
            Lines.Print(new ContinuationLine(path, Convert.ToHexStringLower(token.Machine.Bytes),
                $"{Ipv4.Address(token.Node)}", token.ElementCount, path + ".chain"), Lines.Default.ContinuationLine);
        return ExitCode.Done;
    }

    static bool IsPriced(byte[] bytes) => BootToken.TryParse(bytes, out var token) && token.Prices.IsAny;

    static void Print(string path, byte[] bytes)
    {
        if (!BootToken.TryParse(bytes, out var token))
            throw new Failure("the token just minted is malformed"); // Mint checks every field, so this is a bug
        Say.Step($"{path}: a boot token for {Ipv4.Address(token.Node)}");
        Say.Note($"machine    {Ipv4.Address(token.BootAddress)}/{token.PrefixLength}, {token.MemoryMiB} MiB of memory");
        if (token.Gateway != 0)
            Say.Note($"gateway    {Ipv4.Address(token.Gateway)}");
        if (token.GuestCount > 0)
        {
            var guests = new string[token.GuestCount];
            for (var i = 0; i < guests.Length; i++)
                guests[i] = Ipv4.Address(token.Guest(i)).ToString();
            Say.Note($"guest      {string.Join(", ", guests)}");
        }
        Say.Note($"loader     {Convert.ToHexStringLower(token.Loader)}");
        Say.Note($"payment    {token.ElementCount} tokens, named {Convert.ToHexStringLower(token.ChainEnd.Bytes)}");
        if (token.Prices.IsAny)
        {
            Say.Note(string.Create(CultureInfo.InvariantCulture,
                $"prices     of a CPU microsecond {token.Prices[0]}, a MiB-second {token.Prices[1]}, "
                + $"a KiB {token.Prices[2]}, a second {token.Prices[3]}; a token is worth {token.Value}"));
        }
        Say.Note(string.Create(CultureInfo.InvariantCulture,
            $"good until {DateTimeOffset.FromUnixTimeSeconds((long)token.Expires):yyyy-MM-dd HH:mm:ss}Z"));
    }
}
