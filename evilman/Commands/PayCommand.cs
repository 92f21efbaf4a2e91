using System;
using System.CommandLine;
using System.Globalization;
using Evilman.Buying;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Tokens;
using Wire;

namespace Evilman.Commands;

/// <summary><c>evilman pay MACHINE --tokens N</c>: figure 8.2 of the thesis, by hand.</summary>
internal static class PayCommand
{
    /// <summary>Elements in one payment: what a node verifies at once, unless it was told otherwise.</summary>
    const uint Portion = 1000;

    internal static Command Create()
    {
        var options = new AccountOptions();
        var chainFile = Values.FileOption("--chain",
            "The chain of the machine's tokens; otherwise it lies beside the token, with «.chain» after its name.");
        var continuation = Values.FileOption("--continuation",
            "First bring the machine the new chain of this, which «evilman mint --continues» wrote, with its tokens; what "
                + "is paid further comes from that chain.");
        var tokens = Values.CountOption("--tokens", "How many more elements of the chain to pay; 0 for none but those of a "
            + "continuation, or of a payment that was cut off.", 1, 0, Chain.MaxLength);
        var command = new Command("pay", "Pays a machine further tokens, so that it goes on living.")
        {
            chainFile, continuation, tokens,
        };
        options.AddTo(command);
        command.WithExamples("""
            evilman pay job --tokens 20                      bought from the machine's broker
            evilman pay 10.0.0.1 --token job.token --tokens 1 --chain job.chain
            evilman pay 10.0.0.1 --token job.token --continuation job.more
            """);
        command.SetAction(result =>
        {
            var machineAccount = options.Account(result);
            if (machineAccount.Machine is { } bought)
                return PayBought(options, result, machineAccount, bought, result.GetValue(tokens));
            var next = result.GetValue(continuation);
            if (next is null && result.GetValue(tokens) == 0)
                throw Failure.Usage("--tokens 0 pays nothing: it is for --continuation, and for machines that were bought");
            var chain = ChainFile.Load(result.GetValue(chainFile) ?? (next ?? options.TokenPath(result)) + ".chain");
            var further = next is null ? null : Files.Read(next, Continuation.Size, "a continuation");
            if (!BootToken.TryParse(machineAccount.Token, out var token)
                || !chain.Element(chain.Length).AsSpan().SequenceEqual(End(token, further)))
                throw Failure.Usage("the chain is another one than the token's");
            var machine = token.ChainEnd.Bytes.ToArray();
            using var socket = EchoSocket.Open();
            // The same again is answered, and adds nothing.
            if (further is not null)
                options.Ask(result, socket, machineAccount, MagicKind.Continuation, further);
            // What has been paid is taken from the node's answer, so that nothing is paid twice if somebody else pays
            // at the same time.
            var paid = options.Look(result, socket, machineAccount).Paid;
            var wanted = (ulong)paid + (uint)result.GetValue(tokens);
            if (wanted > (uint)chain.Length)
                throw new Failure(string.Create(CultureInfo.InvariantCulture,
                    $"the chain has {chain.Length} elements, of which {paid} are paid"));
            while (paid < wanted)
            {
                paid = (uint)Math.Min(paid + Portion, wanted);
                var body = new byte[Payment.Size];
                Payment.Emit(body, paid, machine, chain.Element(chain.Length - (int)paid + 1));
                options.Ask(result, socket, machineAccount, MagicKind.Payment, body);
            }
            var account = options.Look(result, socket, machineAccount);
            if (options.Json(result))
            {
                Say.Plain(account.Json());
                return ExitCode.Done;
            }
            Say.Step(string.Create(CultureInfo.InvariantCulture,
                $"{machineAccount.Node} has taken {result.GetValue(tokens)} tokens, {account.Paid} in all"));
            Say.Note(account.Sentence());
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>The end of the chain that is paid from.</summary>
    static ReadOnlySpan<byte> End(BootToken token, byte[]? further)
    {
        if (further is null)
            return token.ChainEnd.Bytes;
        if (!Continuation.TryParse(further, out var next))
            throw new Failure("that is not a continuation");
        return next.Machine.Is(in token.ChainEnd) ? next.ChainEnd.Bytes
            : throw Failure.Usage("the continuation is for another machine than the token's");
    }

    /// <summary>Buys the tokens, and hands them to the node.</summary>
    static int PayBought(AccountOptions options, ParseResult result, Account account, string name, int tokens)
    {
        int? paid = 0;
        using (var file = MachineStore.Standard.Open(name))
        {
            var purchase = MachinePurchases.For(file, options.Patience(result));
            if (tokens == 0)
                purchase.Finish();
            else
                paid = purchase.Pay(tokens);
        }
        using var socket = EchoSocket.Open();
        var after = options.Look(result, socket, account);
        if (options.Json(result))
            Say.Plain(after.Json());
        else
        {
            if (paid > 0)
                Say.Step(string.Create(CultureInfo.InvariantCulture, $"{account.Node} has taken {paid} tokens"));
            Say.Note(after.Sentence());
        }
        return paid is not null ? ExitCode.Done
            : throw new Failure($"an earlier payment for {name} had been cut off: that one has been finished, and no "
                + "more was bought. Pay again if more is wanted");
    }
}
