using System;
using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Evilman.Buying;
using Evilman.Text;
using Spectre.Console;

namespace Evilman.Commands;

/// <summary><c>evilman login NAME URL</c>.</summary>
internal static class LoginCommand
{
    const int MaxKeyLength = 256;

    internal static Command Create()
    {
        var name = Values.Name("name", "What the broker shall be called here.");
        var url = new Argument<string>("url") { Description = "Where it is: http://127.0.0.1:PORT." };
        var keyFile = Values.FileOption("--key-file", "A file with the API key; standard input otherwise.");
        var json = Values.Json();
        var command = new Command("login", "Makes a broker, and the API key that one has there, known by a name.")
        {
            name, url, keyFile, json,
        };
        command.WithExamples("""
            evilman login lab http://127.0.0.1:8090 --key-file alice.key
            evilman login lab http://127.0.0.1:8090              asks for the key
            """);
        command.SetAction(result =>
        {
            var address = BrokerUrl.Parse(result.GetValue(url)!);
            var broker = new KnownBroker(result.GetValue(name)!, address, Key(result.GetValue(keyFile)));
            var balance = new BrokerClient(broker).Balance();
            Inventory.Add(Inventory.Folder, broker);
            if (result.GetValue(json))
            {
                Say.Plain(JsonSerializer.Serialize(new LoginLine(broker.Name, $"{address}", balance),
                    Json.Default.LoginLine));
                return ExitCode.Done;
            }
            Say.Step($"the broker {broker.Name} knows the key, which is now in {Inventory.Folder}");
            Say.Note(balance is null ? "the key may not read the balance"
                : string.Create(CultureInfo.InvariantCulture, $"balance    {balance} units"));
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>Never an argument, which everybody on the machine can read.</summary>
    static string Key(string? file)
    {
        var text = file is not null ? Encoding.Latin1.GetString(Files.Read(file, MaxKeyLength, "an API key"))
            : Console.IsInputRedirected ? Console.In.ReadLine() ?? ""
            : AnsiConsole.Prompt(new TextPrompt<string>("API key:").Secret());
        var key = text.Trim();
        return KnownBroker.IsKey(key) ? key : throw Failure.Usage("that is no API key, which is one word");
    }
}
