using System;
using System.Text;
using Wire;

namespace Evilman.Minting;

/// <summary>
/// A machine's or a guest's key as its owner keeps it: 40 hexadecimal digits and a newline, mode 0600.
/// </summary>
internal static class MachineKeyFile
{
    const int MaxFileSize = 128;

    internal static byte[] Text(ReadOnlySpan<byte> key) =>
        Encoding.ASCII.GetBytes(Convert.ToHexStringLower(key) + "\n");

    internal static byte[] Read(string file)
    {
        var text = Encoding.Latin1.GetString(Files.Read(file, MaxFileSize, "a machine key file")).TrimEnd('\n', '\r');
        var key = new byte[MachineKey.Size];
        var form = text.Length == 2 * key.Length
            && Convert.FromHexString(text, key, out _, out _) == System.Buffers.OperationStatus.Done;
        return form ? key
            : throw new Failure($"{file} is not a machine key file: it holds {2 * key.Length} hexadecimal digits");
    }
}
