using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using Evilman.Text;
using Evilman.Tokens;

namespace Evilman.Buying;

/// <summary>A broker, and the customer's API key there.</summary>
internal sealed record KnownBroker(string Name, BrokerUrl Url, string Key)
{
    /// <summary>It goes into a header of HTTP as it is.</summary>
    internal static bool IsKey(string text) =>
        text.Length is > 0 and <= 256 && text.All(letter => letter is > ' ' and <= '~');
}

/// <summary>A node; where it is one's own, also the file of the secret that signs tokens for it.</summary>
internal sealed record KnownNode(string Name, IPAddress Address, string? KeyFile);

/// <summary>
/// What the customer knows by name, so that daily commands take names: a TOML file that people may edit, readable by
/// its owner alone.
/// </summary>
internal sealed class Inventory
{
    const string FileName = "inventory.toml";
    const int LongestFile = 1 << 20;

    readonly string? standard;
    readonly Dictionary<string, KnownBroker> brokers = [];
    readonly Dictionary<string, KnownNode> nodes = [];

    Inventory(string text, string path)
    {
        var file = TomlFile.Parse(text, path);
        standard = file.Root.Text("broker");
        file.Root.End();
        foreach (var table in file.Tables)
        {
            if (!IsName(table.Name))
                throw new Failure($"{path}: [{table.Kind}.{table.Name}]: {NameRule}");
            switch (table.Kind)
            {
                case "brokers":
                    var key = table.NeedText("key");
                    if (!KnownBroker.IsKey(key))
                        throw table.Wrong("key", "an API key, which is one word");
                    brokers[table.Name] =
                        new KnownBroker(table.Name, BrokerUrl.Parse(table.NeedText("url")), key);
                    break;
                case "nodes":
                    if (!Quantity.TryAddress(table.NeedText("address"), out var address))
                        throw table.Wrong("address", "an IPv4 address");
                    nodes[table.Name] = new KnownNode(table.Name, address, table.Text("key_file"));
                    break;
                default:
                    throw new Failure($"{path}: [{table.Kind}.{table.Name}] is not known: there are brokers and nodes");
            }
            table.End();
        }
    }

    internal const string NameRule =
        "a name begins with a letter and has up to 63 more letters, digits and any of - _";

    /// <summary>Where the inventory and the machines are: EVILMAN_CONFIG, or the place of the XDG specification.</summary>
    internal static string Folder => Environment.GetEnvironmentVariable("EVILMAN_CONFIG") is { Length: > 0 } own ? own
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData,
            Environment.SpecialFolderOption.DoNotVerify), "evilman");

    internal static bool IsName(string text) =>
        text.Length is > 0 and <= 64 && char.IsAsciiLetter(text[0])
            && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');

    internal static Inventory Load() => Load(Folder);

    /// <summary>Empty where there is none yet.</summary>
    internal static Inventory Load(string folder) => new(ReadText(folder), Path.Combine(folder, FileName));

    /// <summary>Writes down a broker; everything else in the file, its remarks included, stays.</summary>
    internal static void Add(string folder, KnownBroker broker)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var path = Path.Combine(folder, FileName);
        var text = TomlFile.Parse(ReadText(folder), path)
            .With("brokers", broker.Name, [("url", $"{broker.Url}"), ("key", broker.Key)]);
        _ = new Inventory(text, path);
        Secret.Write(path, Encoding.UTF8.GetBytes(text), replace: true);
    }

    /// <summary>The broker with this name; without a name the only one, or the one that the file calls its.</summary>
    internal KnownBroker Broker(string? name)
    {
        name ??= standard ?? (brokers.Count == 1 ? brokers.Keys.Single() : null);
        if (brokers.Count == 0)
            throw Failure.Usage("no broker is known: «evilman login NAME URL» makes one known");
        if (name is null)
            throw Failure.Usage($"which broker? --broker takes one of {string.Join(", ", brokers.Keys)}");
        return brokers.GetValueOrDefault(name)
            ?? throw Failure.Usage($"there is no broker {name}: known are {string.Join(", ", brokers.Keys)}");
    }

    internal KnownNode? Node(string name) => nodes.GetValueOrDefault(name);

    internal IEnumerable<KnownNode> Nodes => nodes.Values;

    internal bool HasBrokers => brokers.Count > 0;

    static string ReadText(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!Path.Exists(path))
            return "";
        var mode = File.GetUnixFileMode(path);
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead
            | UnixFileMode.OtherWrite;
        if ((mode & Others) != 0)
            throw new Failure($"{path} has keys, and is not its owner's alone: chmod 600 it");
        return Encoding.UTF8.GetString(Files.Read(path, LongestFile, "an inventory"));
    }
}
