using System;
using System.Globalization;
using System.Text;
using Tokens;
using Wire;

namespace Evilman.Minting;

/// <summary>A chain as its file holds it: "seed length", 40 hexadecimal digits and a number, mode 0600.</summary>
public static class ChainFile
{
    const int MaxFileSize = 128;

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public static Chain Load(string file)
    {
        var words = Encoding.Latin1.GetString(Files.Read(file, MaxFileSize, "a chain file"))
            .Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 2 || words[0].Length != 2 * HashChain.ElementSize
            || !int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            throw new Failure($"{file} is not a chain file");
        if (length is < 1 or > Chain.MaxLength)
            throw Failure.Usage($"a chain has 1 to {Chain.MaxLength} elements");
        try
        {
            return new Chain(Convert.FromHexString(words[0]), length);
        }
        catch (FormatException)
        {
            throw new Failure($"{file} is not a chain file");
        }
    }

    public static void Save(string file, Chain chain) => SecretFile.Write(file, Text(chain), replace: false);

    /// <summary>What <see cref="Load"/> reads.</summary>
    public static byte[] Text(Chain chain) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $"{Convert.ToHexStringLower(chain.Seed)} {chain.Length}\n"));
}
