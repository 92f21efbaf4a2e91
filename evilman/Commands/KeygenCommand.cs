using System.CommandLine;
using Evilman.Minting;
using Evilman.Text;
using Tokens;

namespace Evilman.Commands;

/// <summary><c>evilman keygen FILE</c>.</summary>
internal static class KeygenCommand
{
    internal static Command Create()
    {
        var file = new Argument<string>("file") { Description =
            "Where to write the node's secret; must not exist yet." };
        var chain = Values.FileOption("--chain",
            "Also begin a hash chain of payment tokens, and write its seed there.");
        var length = Values.CountOption("--chain-length", "Elements of that chain.", 10_000, 1, Chain.MaxLength);
        var json = Values.Json();
        var command = new Command("keygen", "Makes the secret that a node and its token broker share.")
        {
            file, chain, length, json,
        };
        command.WithExamples("""
            evilman keygen /etc/evilman/node1.key          for packetd --key-file; give the broker a copy
            evilman keygen node1.key --chain job7.chain    and a chain of 10,000 payment tokens
            """);
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            var path = result.GetValue(file)!;
            SecretFile.Write(path, SecretFile.NewKey(), replace: false);
            Say.Step($"{path}: a new node secret, readable by you alone");
            if (result.GetValue(chain) is { } chainPath)
            {
                ChainFile.Save(chainPath, Chain.Fresh(result.GetValue(length)));
                Say.Step($"{chainPath}: the seed of {result.GetValue(length)} payment tokens");
            }
            if (Say.IsForPrograms)
                Lines.Print(new KeyLine(path, result.GetValue(chain), result.GetValue(chain) is null ? null
                    : result.GetValue(length)), Lines.Default.KeyLine);
            return ExitCode.Done;
        });
        return command;
    }
}
