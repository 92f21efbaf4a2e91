using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using Evilman.Minting;
using Evilman.Net;
using Evilman.Text;

namespace Evilman.Buying;

/// <summary>A broker, and the customer's API key there.</summary>
internal sealed record KnownBroker(string Name, BrokerUrl Url, string Key)
{
    /// <summary>It goes into a header of HTTP as it is.</summary>
    internal static bool IsKey(string text) =>
        text.Length is > 0 and <= 256 && text.All(letter => letter is > ' ' and <= '~');
}

/// <summary>A node; where it is one's own, also the file of the secret that signs tokens for it.</summary>
internal sealed record KnownNode(string Name, IPAddress Address, string? KeyFile)
{
    /// <summary>Where new machines' firmware may listen, with their subnet; null where that is asked each time.</summary>
    internal AddressRange? Boot { get; init; }

    /// <summary>What guests may have.</summary>
    internal AddressRange? Guests { get; init; }

    internal IPAddress? Gateway { get; init; }

    /// <summary>
    /// Whether the node can keep accounts of its machines: not where its monitor starts processes (docs/deploy.md).
    /// </summary>
    internal bool IsMetered { get; init; } = true;

    /// <summary>The broker that sells its machines; null where they are one's own, or sold by the only one.</summary>
    internal string? Broker { get; init; }

    /// <summary>Whether tokens for it are bought: otherwise its key is here, and they are minted.</summary>
    internal bool IsSold => Broker is not null || KeyFile is null;

    internal IReadOnlyList<(string Key, object Value)> Values()
    {
        List<(string, object)> values = [("address", $"{Address}")];
        if (KeyFile is not null)
            values.Add(("key_file", KeyFile));
        if (Broker is not null)
            values.Add(("broker", Broker));
        if (Boot is not null)
            values.Add(("boot", $"{Boot}"));
        if (Guests is not null)
            values.Add(("guests", $"{Guests}"));
        if (Gateway is not null)
            values.Add(("gateway", $"{Gateway}"));
        if (!IsMetered)
            values.Add(("metered", false));
        return values;
    }
}

/// <summary>
/// What the customer knows by name, so that daily commands take names: a TOML file that people may edit, readable by
/// its owner alone.
/// </summary>
internal sealed class Inventory
{
    const string FileName = "inventory.toml";
    const int MaxFileSize = 1 << 20;

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
                case NodesTable:
                    nodes[table.Name] = NodeOf(table);
                    break;
                default:
                    throw new Failure($"{path}: [{table.Kind}.{table.Name}] is not known: there are brokers and nodes");
            }
            table.End();
        }
    }

    static KnownNode NodeOf(TomlTable table)
    {
        return new KnownNode(table.Name, Address("address") ?? throw table.Missing("address"), table.Text("key_file"))
        {
            Boot = Range("boot", AddressRange.SubnetForm, hasSubnet: true),
            Guests = Range("guests", AddressRange.Form, hasSubnet: false),
            Gateway = Address("gateway"),
            IsMetered = table.Truth("metered") ?? true,
            Broker = table.Text("broker"),
        };

        IPAddress? Address(string key) => table.Text(key) is not { } text ? null
            : Quantity.TryAddress(text, out var address) ? address : throw table.Wrong(key, "an IPv4 address");

        AddressRange? Range(string key, string form, bool hasSubnet) => table.Text(key) is not { } text ? null
            : AddressRange.TryParse(text, out var range) && range.PrefixLength is not null == hasSubnet ? range
            : throw table.Wrong(key, form);
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
    internal static void Add(string folder, KnownBroker broker) => Change(folder, file =>
        file.With("brokers", broker.Name, [("url", $"{broker.Url}"), ("key", broker.Key)]));

    /// <summary>The same of a node.</summary>
    internal static void Add(string folder, KnownNode node) =>
        Change(folder, file => file.With(NodesTable, node.Name, node.Values()));

    /// <summary>Forgets a node.</summary>
    internal static void Remove(string folder, string node) => Change(folder, file => file.Without(NodesTable, node));

    const string NodesTable = "nodes";

    static void Change(string folder, Func<TomlFile, string> change)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var path = Path.Combine(folder, FileName);
        using var mine = FileLock.Take(path + ".lock", "the inventory");
        var text = change(TomlFile.Parse(ReadText(folder), path));
        _ = new Inventory(text, path);
        SecretFile.Write(path, Encoding.UTF8.GetBytes(text), replace: true);
    }

    /// <summary>The broker with this name; without a name the default of the file, or the only one.</summary>
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
        return Encoding.UTF8.GetString(Files.Read(path, MaxFileSize, "an inventory"));
    }
}
