using System;
using System.CommandLine;
using System.Text;
using Evilman.Minting;
using Evilman.Text;
using Tokens;

namespace Evilman.Commands;

/// <summary><c>evilman guest-key FILE</c>: the part of a machine's key that may be given to others.</summary>
internal static class GuestKeyCommand
{
    internal static Command Create()
    {
        var file = new Argument<string>("file")
        {
            Description = "The key of the machine in which the guest was booted.",
        };
        var command =
            new Command("guest-key",
                "Prints the key that commands a guest: it can have it moved, to any machine, and so read.") { file };
        command.WithExamples("""
            evilman guest-key job.token.machine-key >10.0.0.50.guest-key
            """);
        command.SetAction(result =>
        {
            var guestKey = Mint.GuestKey(MachineKeyFile.Read(result.GetValue(file)!));
            Console.Out.Write(Encoding.ASCII.GetString(MachineKeyFile.Text(guestKey)));
            return ExitCode.Done;
        });
        return command;
    }
}
