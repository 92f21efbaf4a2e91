using System;
using System.IO;
using System.Text;
using Tokens;

namespace Tokenbroker.Secrets;

/// <summary>Files that only their owner may read, from the moment they exist.</summary>
internal static class SecretFile
{
    /// <summary>Refuses to overwrite.</summary>
    internal static void Write(string file, string text)
    {
        if (Path.Exists(file))
            throw Problem.Conflict("exists", $"{file} exists already, and a secret is not overwritten");
        Storage.Folder.Demand(file);
        try
        {
            using FileStream stream = new(file, new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead
                    | UnixFileMode.UserWrite,
            });
            stream.Write(Encoding.ASCII.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Problem.Invalid($"{file} cannot be written: {failure.Message}");
        }
    }

    /// <summary>Secrets are small, and remarks behind them, too. Bytes.</summary>
    private const int MaxSize = 4096;

    /// <summary>
    /// All of a file that may hold a secret, or the beginning of what is too long to hold one: a device may have no
    /// end.
    /// </summary>
    internal static byte[] Read(string file)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        byte[] bytes = new byte[MaxSize];
        return bytes[..stream.ReadAtLeast(bytes, MaxSize, throwOnEndOfStream: false)];
    }

    /// <summary>A node's secret: the bytes before the first newline, <see cref="Secret.NodeKeyOf"/>.</summary>
    internal static byte[] NodeKey(string file)
    {
        byte[] bytes;
        try
        {
            bytes = Read(file);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Problem.Invalid($"the node's key cannot be read: {failure.Message}");
        }
        return Secret.NodeKeyOf(bytes) ?? throw Problem.Invalid($"{file} is no node's key: it has {Secret.MinNodeKeySize} to "
            + $"{Secret.MaxNodeKeySize} bytes before a newline or its end");
    }
}
