using System;
using System.CommandLine;
using System.Net;
using Evilman.Net;
using Evilman.Text;
using Evilman.Tokens;
using Wire;

namespace Evilman.Commands;

/// <summary><c>evilman boot NODE --kernel … --loader …</c>: figure 8.3 of the thesis, from token to running guest.</summary>
internal static class BootCommand
{
    internal static Command Create()
    {
        var node = Values.Address("node", "The node to boot on.");
        var tokenFile = Values.FileOption("--token", "Spend this boot token instead of minting one.");
        var kernel = Values.FileOption("--kernel", "The guest's kernel: an ELF image with a PVH entry.", required: true);
        var initramfs = Values.FileOption("--initramfs", "The guest's first files: a cpio archive.");
        var append = new Option<string>("--append") { Description = "The guest's command line.", HelpName = "TEXT", DefaultValueFactory = _ => "" };
        var waitPort = Values.CountOption("--wait-port", "When the guest counts as up: a TCP port that must answer; 0 does not wait.", 80, 0, 65535);
        var timeout = Values.DurationOption("--timeout", "Patience with each step.", "30s");
        var options = new TokenOptions();
        var command = new Command("boot", "Starts a machine on a node and boots a guest in it.") { node, tokenFile, kernel, initramfs, append, waitPort, timeout };
        options.AddTo(command);
        command.WithExamples("""
            evilman boot 10.0.0.1 --key-file node1.key --boot-address 10.0.0.101/24 --guest 10.0.0.50 \
                    --loader loader-kernel --kernel guestos --initramfs guest.cpio
            evilman boot 10.0.0.1 --token job.token --loader loader-kernel --kernel guestos     with a bought token
            """);
        command.SetAction(result =>
        {
            var loaderFile = result.GetValue(options.Loader) ?? throw Failure.Usage("--loader is missing: what the firmware shall start");
            var image = BootClient.Read(loaderFile, result.GetValue(kernel)!, result.GetValue(initramfs), result.GetValue(append)!);
            var to = result.GetValue(node)!;
            var bytes = result.GetValue(tokenFile) is { } file ? BootClient.ReadFile(file) : options.Mint(result, to).Token;
            if (!BootToken.TryParse(bytes, out var token))
                throw new Failure($"{result.GetValue(tokenFile)} is not a boot token");
            if (!token.Loader.SequenceEqual(Mint.LoaderHash(image.Loader)))
                throw Failure.Usage($"the token permits another loader than {loaderFile}");
            var guest = token.GuestCount > 0 ? Mint.Address(token.Guest(0)) : null;
            Run(to, bytes, image, guest, result.GetValue(waitPort), result.GetValue(timeout));
            return ExitCode.Done;
        });
        return command;
    }

    static void Run(IPAddress node, byte[] token, BootImage image, IPAddress? guest, int waitPort, TimeSpan patience)
    {
        using (var echo = EchoSocket.Open())
        {
            var answer = MagicPinger.Demand(echo, node, token, MagicPinger.Patience);
            Say.Step($"{node} accepted the token ({Quantity.Milliseconds(answer.RoundTrip.TotalMilliseconds)}); the machine is {answer.BootAddress}");
        }
        var boot = BootToken.TryParse(token, out var parsed) ? Mint.Address(parsed.BootAddress) : IPAddress.None;
        using (var socket = BootClient.Connect(new IPEndPoint(boot, Upload.Port), patience))
        {
            Say.Step($"the firmware listens on {boot}:{Upload.Port}");
            UploadBar.Show("loader, kernel and files uploaded", progress => BootClient.Upload(socket, image, progress, patience));
        }
        if (guest is null || waitPort == 0)
            return;
        using (BootClient.Connect(new IPEndPoint(guest, waitPort), patience))
            Say.Step($"the guest answers on {guest}:{waitPort}");
    }
}
