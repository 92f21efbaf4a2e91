using System;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Tokenbroker.Commands;

/// <summary>Options and arguments whose text is checked while the command line is parsed.</summary>
internal static class Values
{
    internal static Option<string> Text(string name, string help, string description, bool required = true) =>
        new(name) { Description = description, HelpName = help, Required = required };

    internal static Option<long> Count(string name, string description, long least, long most, long? standard = null)
    {
        Option<long> option = new(name) { Description = description, HelpName = "N", Required = standard is null };
        if (standard is { } value)
            option.DefaultValueFactory = _ => value;
        option.CustomParser = result => Number(result, $"{name}: ", least, most);
        return option;
    }

    internal static Argument<long> Amount(string name, string description) =>
        new(name) { Description = description, CustomParser = result => Number(result, "", 1, 1L << 60) };

    /// <summary>An address on the web, or none when the option is not given.</summary>
    internal static Option<Uri?> HttpAddress(string name, string description) =>
        new(name) { Description = description, HelpName = "URL", CustomParser = result => HttpAddress(result, name) };

    private static Uri? HttpAddress(ArgumentResult result, string name)
    {
        string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        if (Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            && address.Host != "")
            return address;
        result.AddError($"{name}: «{text}» is not an address that begins with http:// or https://");
        return null;
    }

    /// <summary>
    /// Where a server listens: an address of this machine in digits. A name, or an address that is none, would be taken
    /// for all of them.
    /// </summary>
    internal static Option<string> OwnAddress(string name, string description, string standard)
    {
        Option<string> option =
            new(name) { Description = description, HelpName = "URL", DefaultValueFactory = _ => standard };
        option.Validators.Add(result =>
        {
            string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : standard;
            bool isOne = Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme == Uri.UriSchemeHttp
                && (address.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6 || address.Host == "localhost")
                && address.PathAndQuery == "/" && address.UserInfo == "" && address.Fragment == "";
            if (!isOne)
                result.AddError($"{name}: «{text}» is not an address of this machine like {standard}");
        });
        return option;
    }

    private static long Number(ArgumentResult result, string what, long least, long most)
    {
        string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= least
            && number <= most)
            return number;
        result.AddError(string.Create(CultureInfo.InvariantCulture,
            $"{what}«{text}» is not a number from {least} to {most}"));
        return 0;
    }
}
