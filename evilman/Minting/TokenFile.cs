using Wire;

namespace Evilman.Minting;

/// <summary>A boot token as its file holds it: the bytes of the wire and nothing else.</summary>
internal static class TokenFile
{
    /// <summary>
    /// Fails unless the file holds a boot token, so that nothing else, a secret least of all, is ever sent in a token's
    /// place.
    /// </summary>
    internal static byte[] Read(string file)
    {
        var bytes = Files.Read(file, BootToken.Size, "a boot token");
        return BootToken.TryParse(bytes, out _) ? bytes : throw new Failure($"{file} is not a boot token");
    }
}
