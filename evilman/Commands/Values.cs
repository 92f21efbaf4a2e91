using System;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using Evilman.Buying;
using Evilman.Net;
using Evilman.Run;
using Evilman.Text;
using Tokens;

namespace Evilman.Commands;

/// <summary>
/// Options and arguments whose text is checked while the command line is parsed. Every option that is not plain text is
/// made here, by a parser of ours: the library's own conversions throw where a value is wrong.
/// </summary>
internal static class Values
{
    delegate bool Parser<T>(string text, out T value);

    const int MaxQuoteLength = 60;

    internal static Argument<IPAddress> Address(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result => Parse<IPAddress>(result, Quantity.TryAddress, "an IPv4 address") ?? IPAddress.Any,
    };

    /// <summary>A node or a machine, by its address or its name.</summary>
    internal static Argument<Place> Place(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result => Parse<Place>(result, Commands.Place.TryParse, Commands.Place.What),
    };

    internal static Argument<Place> OptionalPlace(string name, string description) => new(name)
    {
        Description = description,
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => default,
        CustomParser = result => Parse<Place>(result, Commands.Place.TryParse, Commands.Place.What),
    };

    internal static Option<Place?> PlaceOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "NAME",
        CustomParser = result => Parse<Place>(result, Commands.Place.TryParse, Commands.Place.What),
    };

    /// <summary>What something is to be called.</summary>
    internal static Argument<string> Name(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result => Parse<string>(result, TryName, "a name: " + Inventory.NameRule) ?? "",
    };

    internal static Option<string?> NameOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "NAME",
        CustomParser = result => Parse<string>(result, TryName, "a name: " + Inventory.NameRule),
    };

    internal static Option<string?> BrokerOption() => new("--broker")
    {
        Description = "The broker, as the inventory calls it; otherwise the only one, or the inventory's «broker».",
        HelpName = "NAME",
        CustomParser = result => Parse<string>(result, TryName, "a name: " + Inventory.NameRule),
    };

    /// <summary>For a machine that a job gets from a broker.</summary>
    internal static Option<string?> PlanOption() => new("--plan")
    {
        Description = "Where the node's machines are bought: what, as the broker calls it. [default: the smallest with the memory]",
        HelpName = "PLAN",
    };

    /// <summary>How many tokens a machine begins with that is bought for a job.</summary>
    internal static Option<int> TokensOption() => CountOption("--tokens",
        "Where they are bought: how many tokens the machine begins with.", Run.MachineWish.UsualTokens, 1,
        Chain.MaxLength);

    internal static Option<bool> Json() => new("--json") { Description = "One line of JSON, for a program." };

    /// <summary>Each word of an option that takes several.</summary>
    internal static IPAddress[] Addresses(ArgumentResult result)
    {
        var found = new IPAddress[result.Tokens.Count];
        for (var i = 0; i < found.Length; i++)
        {
            if (!Quantity.TryAddress(result.Tokens[i].Value, out found[i]))
                result.AddError($"{Name(result)}{Quoted(result.Tokens[i].Value)} is not an IPv4 address");
        }
        return found;
    }

    static bool TryName(string text, out string name)
    {
        name = text;
        return Inventory.IsName(text);
    }

    internal static Option<IPAddress?> AddressOption(string name, string description, bool required = false) =>
        new(name)
    {
        Description = description,
        HelpName = "A.B.C.D",
        Required = required,
        CustomParser = result => Parse<IPAddress>(result, Quantity.TryAddress, "an IPv4 address"),
    };

    internal static Option<AddressRange?> RangeOption(string name, string description, string form, bool hasSubnet)
    {
        bool InForm(string text, out AddressRange range) =>
            AddressRange.TryParse(text, out range) && range.PrefixLength is not null == hasSubnet;
        return new Option<AddressRange?>(name)
        {
            Description = description,
            HelpName = form,
            CustomParser = result =>
                Parse<AddressRange>(result, InForm, hasSubnet ? AddressRange.SubnetForm : AddressRange.Form),
        };
    }

    internal static Option<ByteSize> BytesOption(string name, string description, string standard) => new(name)
    {
        Description = description,
        HelpName = "SIZE",
        DefaultValueFactory = _ => Quantity.TryBytes(standard, out var bytes) ? new ByteSize(bytes) : default,
        CustomParser = result => new ByteSize(Parse<long>(result, Quantity.TryBytes, "a size like 64M or 1G")),
    };

    internal static Option<Duration> DurationOption(string name, string description, string standard) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        DefaultValueFactory = _ => Quantity.TryDuration(standard, out var duration) ? new Duration(duration) : default,
        CustomParser = result =>
            new Duration(Parse<TimeSpan>(result, Quantity.TryDuration, "a duration like 30s, 10m or 2h")),
    };

    internal static Option<int> CountOption(string name, string description, int standard, int smallest, int largest)
    {
        bool InRange(string text, out int value) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= smallest
                && value <= largest;
        return new Option<int>(name)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => standard,
            CustomParser = result =>
                Parse<int>(result, InRange,
                    string.Create(CultureInfo.InvariantCulture, $"a number from {smallest} to {largest}")),
        };
    }

    internal static Option<PortPair[]> PortsOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "[HERE:]PORT",
        CustomParser = Ports,
    };

    internal static Argument<PortPair[]> PortsArgument(string name, string description) => new(name)
    {
        Description = description,
        Arity = ArgumentArity.OneOrMore,
        CustomParser = Ports,
    };

    static PortPair[] Ports(ArgumentResult result)
    {
        var pairs = new PortPair[result.Tokens.Count];
        for (var i = 0; i < pairs.Length; i++)
        {
            if (!PortPair.TryParse(result.Tokens[i].Value, out pairs[i]))
                result.AddError($"{Name(result)}{Quoted(result.Tokens[i].Value)} is not a port like 8080, or 8000:80");
        }
        return pairs;
    }

    internal static Option<ulong> NumberOption(string name, string description, ulong standard, ulong largest)
    {
        bool InRange(string text, out ulong value) =>
            ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= largest;
        return new Option<ulong>(name)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => standard,
            CustomParser = result =>
                Parse<ulong>(result, InRange,
                    string.Create(CultureInfo.InvariantCulture, $"a number from 0 to {largest}")),
        };
    }

    internal static Option<string?> FileOption(string name, string description, bool required = false) =>
        new(name) { Description = description, HelpName = "FILE", Required = required };

    /// <summary>
    /// What a user typed, as it stands in a sentence: shortened, and without characters that steer a terminal.
    /// </summary>
    internal static string Quoted(string text)
    {
        var shown = text.Length <= MaxQuoteLength ? text : text[..MaxQuoteLength] + "…";
        return $"«{Printable.Of(shown)}»";
    }

    static T? Parse<T>(ArgumentResult result, Parser<T> parser, string what)
    {
        if (result.Tokens.Count == 1 && parser(result.Tokens[0].Value, out var value))
            return value;
        var (name, text) = (Name(result), result.Tokens.Count == 0 ? "" : result.Tokens[0].Value);
        result.AddError(result.Tokens.Count > 1 ? $"{name}takes one value" : $"{name}{Quoted(text)} is not {what}");
        return default;
    }

    static string Name(ArgumentResult result) =>
        result.Parent is OptionResult { Option.Name: var name } ? $"{name}: " : "";
}
