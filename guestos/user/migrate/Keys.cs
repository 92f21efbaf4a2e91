using System;
using Wire;

namespace Migrate;

/// <summary>Keys as files hold them: 40 hexadecimal digits and a newline.</summary>
internal static unsafe class Keys
{
    /// <param name="path">Ends with a zero.</param>
    /// <param name="key">20 bytes.</param>
    public static bool TryRead(byte* path, Span<byte> key)
    {
        const int ReadOnly = 0;
        int file = Kernel.Open(path, ReadOnly);
        if (file < 0)
            return false;
        byte* text = stackalloc byte[2 * MachineKey.Size + 2];
        nint length = Kernel.Read(file, text, 2 * MachineKey.Size + 2);
        Kernel.Close(file);
        if (length < 2 * MachineKey.Size || length > 2 * MachineKey.Size + 1 || (length > 2 * MachineKey.Size && text[2 * MachineKey.Size] != '\n'))
            return false;
        for (int i = 0; i < 2 * MachineKey.Size; i++)
        {
            int digit = text[i] switch
            {
                >= (byte)'0' and <= (byte)'9' => text[i] - '0',
                >= (byte)'a' and <= (byte)'f' => text[i] - 'a' + 10,
                >= (byte)'A' and <= (byte)'F' => text[i] - 'A' + 10,
                _ => -1,
            };
            if (digit < 0)
                return false;
            key[i / 2] = (byte)(key[i / 2] << 4 | digit);
        }
        return true;
    }
}
