using System;
using System.CommandLine;
using System.IO;
using System.Net;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary>Options and arguments whose text is checked while the command line is parsed.</summary>
internal static class Values
{
    internal static Argument<IPAddress> Address(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result =>
        {
            if (Quantity.TryAddress(result.Tokens[0].Value, out var address))
                return address;
            result.AddError($"«{result.Tokens[0].Value}» is not an IPv4 address");
            return IPAddress.Any;
        },
    };

    internal static Option<IPAddress?> AddressOption(string name, string description, bool required = false) => new(name)
    {
        Description = description,
        HelpName = "A.B.C.D",
        Required = required,
        CustomParser = result =>
        {
            if (Quantity.TryAddress(result.Tokens[0].Value, out var address))
                return address;
            result.AddError($"«{result.Tokens[0].Value}» is not an IPv4 address");
            return null;
        },
    };

    internal static Option<long> BytesOption(string name, string description, string standard) => new(name)
    {
        Description = description,
        HelpName = "SIZE",
        DefaultValueFactory = _ => Quantity.TryBytes(standard, out var bytes) ? bytes : 0,
        CustomParser = result =>
        {
            if (Quantity.TryBytes(result.Tokens[0].Value, out var bytes))
                return bytes;
            result.AddError($"«{result.Tokens[0].Value}» is not a size like 64M or 1G");
            return 0;
        },
    };

    internal static Option<TimeSpan> DurationOption(string name, string description, string standard) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        DefaultValueFactory = _ => Quantity.TryDuration(standard, out var duration) ? duration : default,
        CustomParser = result =>
        {
            if (Quantity.TryDuration(result.Tokens[0].Value, out var duration))
                return duration;
            result.AddError($"«{result.Tokens[0].Value}» is not a duration like 30s, 10m or 2h");
            return default;
        },
    };

    internal static Option<int> CountOption(string name, string description, int standard, int smallest, int largest)
    {
        var option = new Option<int>(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => standard };
        option.Validators.Add(result =>
        {
            if (result.Errors.GetEnumerator().MoveNext())
                return;
            var value = result.GetValueOrDefault<int>();
            if (value < smallest || value > largest)
                result.AddError($"{name} is {smallest} to {largest}");
        });
        return option;
    }

    internal static Option<string?> FileOption(string name, string description, bool required = false) =>
        new(name) { Description = description, HelpName = "FILE", Required = required };
}
