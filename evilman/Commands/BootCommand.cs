using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Net;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;
using Tokens;
using Wire;

namespace Evilman.Commands;

/// <summary>
/// <c>evilman boot NODE --kernel … --loader …</c>: figure 8.3 of the thesis, from token to running guest.
/// </summary>
internal static class BootCommand
{
    internal static Command Create()
    {
        var node = Values.Place("node",
            "The node to boot on, or the name of a machine that was bought.");
        var tokenFile = Values.FileOption("--token", "Spend this boot token instead of minting one.");
        var kernel =
            Values.FileOption("--kernel", "The guest's kernel: an ELF image with a PVH entry.", required: true);
        var initramfs = Values.FileOption("--initramfs", "The guest's first files: a cpio archive.");
        var append = new Option<string>("--append")
        {
            Description = "The guest's command line.",
            HelpName = "TEXT",
            DefaultValueFactory = _ => "",
        };
        var waitPort =
            Values.CountOption("--wait-port",
                "When the guest counts as up: a TCP port that must answer; 0 does not wait.", 80, 0, 65535);
        var timeout = Values.DurationOption("--timeout", "Patience with each step.", "30s");
        var guestKeyOut =
            Values.FileOption("--guest-key-out",
                "Where to write the key that commands the guest; A.B.C.D.guest-key otherwise, of the guest's address.");
        var noProbe = new Option<bool>("--no-probe")
        {
            Description = "Do not look first whether somebody has the machine's or the guest's address already.",
        };
        var json = Values.Json();
        var options = new TokenOptions();
        var command = new Command("boot", "Starts a machine on a node and boots a guest in it.")
        {
            node, tokenFile, options.MachineKey, kernel, initramfs, append, waitPort, guestKeyOut, noProbe, timeout,
            json,
        };
        options.AddTo(command);
        command.WithExamples("""
            evilman boot 10.0.0.1 --key-file node1.key --boot-address 10.0.0.101/24 \
                    --guest 10.0.0.50 --loader loader-kernel --kernel guestos \
                    --initramfs guest.cpio
            evilman boot job --loader loader-kernel --kernel guestos \
                    --initramfs guest.cpio      what «evilman buy job» has bought
            """);
        command.SetAction(result =>
        {
            Say.IsForPrograms = result.GetValue(json);
            var loaderFile = result.GetValue(options.Loader)
                ?? throw Failure.Usage("--loader is missing: what the firmware shall start");
            var image = BootClient.Read(loaderFile, result.GetValue(kernel)!, result.GetValue(initramfs),
                result.GetValue(append)!);
            var (to, bytes, machineKey) =
                options.TokenAndKey(result, result.GetValue(tokenFile), result.GetValue(node));
            if (!BootToken.TryParse(bytes, out var token))
                throw new Failure("that is not a boot token");
            if (!token.Loader.SequenceEqual(Mint.Hash(image.Loader)))
                throw Failure.Usage($"the token permits another loader than {loaderFile}");
            var guest = token.GuestCount > 0 ? Ipv4.Address(token.Guest(0)) : null;
            if (guest is null && result.GetValue(waitPort) != 0)
                throw Failure.Usage("--guest is missing: the address at which the guest shall answer; one that has none is "
                    + "started with --wait-port 0");
            var keyFile = result.GetValue(guestKeyOut) ?? (guest is null ? null : GuestKeyName(guest));
            Run(to, bytes, machineKey, image, guest, keyFile, !result.GetValue(noProbe), result.GetValue(waitPort),
                result.GetValue(timeout));
            if (Say.IsForPrograms)
                Lines.Print(new BootLine($"{to}", $"{Ipv4.Address(token.BootAddress)}", guest is null ? null : $"{guest}",
                    keyFile), Lines.Default.BootLine);
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>Where boot leaves the key of a guest, and move looks for it.</summary>
    internal static string GuestKeyName(IPAddress guest) => $"{guest}.guest-key";

    static void Run(IPAddress node, byte[] token, byte[] machineKey, BootImage image, IPAddress? guest, string? keyFile,
        bool probe, int waitPort,
        TimeSpan patience)
    {
        var addresses = BootToken.TryParse(token, out var parsed)
            ? new List<IPAddress> { Ipv4.Address(parsed.BootAddress) } : [];
        if (guest is not null)
            addresses.Add(guest);
        using var echo = EchoSocket.Open();
        if (probe)
            AddressProbe.DemandFree(echo, addresses, used => used.Equals(addresses[0]) && EmptyMachine.IsAt(used, machineKey));
        var guestKey = Mint.GuestKey(machineKey);
        // The new key is on the disk, beside the file, before there is a machine, and takes the file's place once there
        // is a guest: the file may hold the key of an earlier guest, which still runs if this boot fails.
        using var key = keyFile is null ? null : new GuestKeyFile(keyFile, guestKey);
        var answer = MagicPinger.Demand(echo, node, token, machineKey, MagicPinger.Patience);
        using var started = new StartedMachine(node, machineKey, interrupted: () => key?.Settle());
        if (answer.Found)
            started.Keep();
        Say.Step(answer.Found ? $"{node} has the token already; its machine at {addresses[0]} is empty and has its key"
            : $"{node} accepted the token ({Quantity.Milliseconds(answer.RoundTrip.TotalMilliseconds)}); the machine is "
                + $"{answer.BootAddress}");
        var boot = addresses[0];
        using (var socket = BootClient.Open(new IPEndPoint(boot, Upload.Port), machineKey, patience))
        {
            Say.Step($"the firmware on {boot}:{Upload.Port} has the machine's key");
            key?.Need();
            UploadBar.Show("loader, kernel and files uploaded", progress =>
                BootClient.Upload(socket, image.With(guestKey), progress, patience));
        }
        if (guest is not null && waitPort != 0)
        {
            using (BootClient.Connect(new IPEndPoint(guest, waitPort), patience))
                Say.Step($"the guest answers on {guest}:{waitPort}");
        }
        // An interruption before Keep ends the machine and leaves the earlier guest's key in the file; after it, the
        // machine stays, and so does its key. Output may block, so it comes last.
        started.Keep();
        if (key is null)
            return;
        key.Keep();
        Say.Note($"the guest obeys who has {keyFile}");
    }
}
