using System;
using System.Linux;
using Wire;

namespace Migrate;

/// <summary>Keys as files hold them: 40 hexadecimal digits and a newline.</summary>
internal static unsafe class Keys
{
    private const int Digits = 2 * MachineKey.Size;

    /// <param name="path">Ends with a zero.</param>
    /// <param name="key">20 bytes.</param>
    public static bool TryRead(byte* path, Span<byte> key)
    {
        int file = Host.Open(path);
        if (file < 0)
            return false;
        // A byte more than a key and its newline: so a longer file is told from one.
        Span<byte> text = stackalloc byte[Digits + 2];
        int length = Syscall.Read(file, text);
        Syscall.Close(file);
        bool isWhole = length == Digits || (length == Digits + 1 && text[Digits] == '\n');
        return isWhole && TryParse(text.Slice(0, Digits), key);
    }

    private static bool TryParse(ReadOnlySpan<byte> text, Span<byte> key)
    {
        for (int i = 0; i < text.Length; i++)
        {
            int digit = ValueOf(text[i]);
            if (digit < 0)
                return false;
            key[i / 2] = (byte)(key[i / 2] << 4 | digit);
        }
        return true;
    }

    private static int ValueOf(byte digit) => digit switch
    {
        >= (byte)'0' and <= (byte)'9' => digit - '0',
        >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
        _ => -1,
    };
}
