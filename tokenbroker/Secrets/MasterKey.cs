using System;
using System.IO;
using System.Security.Cryptography;
using System.Text;
using Tokenbroker.Storage;

namespace Tokenbroker.Secrets;

/// <summary>
/// The 32 bytes under which everything secret is kept, from a file or the environment and never in the database. Each
/// use has a key of its own
/// (HKDF-SHA256, RFC 5869).
/// </summary>
internal sealed class MasterKey
{
    internal const string Variable = "TOKENBROKER_MASTER_KEY";
    private const int Size = 32;

    private readonly byte[] key;

    private MasterKey(byte[] key) => this.key = key;

    internal static MasterKey Of(byte[] key) => new(key);

    /// <summary>The key in the file, 64 hexadecimal digits; without a name, the one in the environment.</summary>
    internal static MasterKey Load(string? file)
    {
        string? text;
        try
        {
            text = file is null ? Environment.GetEnvironmentVariable(Variable)
                : Encoding.UTF8.GetString(SecretFile.Read(file));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Problem.Invalid($"the master key cannot be read: {failure.Message}");
        }
        if (text is null)
            throw Problem.Invalid($"the master key is missing: name its file with --master-key, or set {Variable}");
        text = text.Trim();
        byte[] key = new byte[Size];
        if (text.Length != 2 * Size || Convert.FromHexString(text, key, out _,
            out _) != System.Buffers.OperationStatus.Done)
            throw Problem.Invalid($"{file ?? Variable} holds no master key: that is {2 * Size} hexadecimal digits");
        return new MasterKey(key);
    }

    internal static void Create(string file) =>
        SecretFile.Write(file, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Size)) + "\n");

    internal byte[] For(string use) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, Size, info: Encoding.ASCII.GetBytes("tokenbroker " + use));

    /// <summary>Refuses a key that is not the one that the database was made with.</summary>
    internal void Demand(Session session, Database database)
    {
        byte[] mine = HMACSHA256.HashData(For("check"), "check"u8);
        byte[]? first = session.One("SELECT value FROM setting WHERE name = 'master-key'", row => row.Bytes(0));
        if (first is null || !CryptographicOperations.FixedTimeEquals(first, mine))
            throw Problem.Invalid($"the database {database.Name} was made with another master key");
    }

    internal void Imprint(Session session) =>
        session.Run("INSERT INTO setting VALUES ('master-key', $1)", HMACSHA256.HashData(For("check"), "check"u8));
}
