using System;
using System.IO;

namespace Evilman.Lab;

/// <summary>
/// Keeps the last part of what an untrusted program writes, of which there may be any amount: between one and two times
/// <see cref="Size"/>. Guests and their machines decide how much they write, so it must not fill the disk.
/// </summary>
internal static class BoundedLog
{
    /// <summary>Bytes of the newer file, and of the older one beside it.</summary>
    internal const int Size = 1 << 20;

    /// <summary>The file that holds what came before the newest.</summary>
    internal static string Older(string path) => path + ".1";

    /// <summary>
    /// Copies <paramref name="from"/> to its end into <paramref name="path"/>, which is emptied into the older file
    /// when it is full: the file is there at any time.
    /// </summary>
    internal static void Keep(Stream from, string path)
    {
        var buffer = new byte[65536];
        using var to =
            new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        to.Seek(0, SeekOrigin.End);
        for (int length; (length = from.Read(buffer, 0, (int)Math.Min(buffer.Length, Size - to.Length))) > 0;)
        {
            to.Write(buffer, 0, length);
            if (to.Length < Size)
                continue;
            Copy(path, Older(path));
            to.SetLength(0);
        }
    }

    /// <summary>Copies a file that may be written meanwhile; File.Copy would refuse, or make the writer fail.</summary>
    internal static void Copy(string from, string to)
    {
        using var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var target = new FileStream(to, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        source.CopyTo(target);
    }
}
