using System;
using System.IO;
using System.Text.RegularExpressions;
using Tokens;

namespace Evilman.Minting;

/// <summary>
/// Bytes that will become a file, on the disk beside it under a name of their own, readable by their owner alone. While
/// this object lives it is locked (flock(2)), together with its readers: for a moment it has the file's name already, and
/// who reads it then is not refused. A draft that is there and not locked was left by a program that was killed; it is
/// removed when the next draft of the same file is made.
/// </summary>
internal sealed partial class Draft : IDisposable
{
    readonly FileStream stream;

    /// <param name="file">What it will become.</param>
    internal Draft(string file, ReadOnlySpan<byte> bytes)
    {
        if (file.Length == 0)
            throw Failure.Usage("a file that is to be written has a name");
        RemoveLeft(file);
        stream = new FileStream($"{file}.{Convert.ToHexStringLower(Secret.Random(4))}.draft", new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Read,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        try
        {
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
        }
        catch (IOException)
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gives it the name of the file.</summary>
    internal void Become(string file, bool replace) => File.Move(stream.Name, file, replace);

    /// <summary>Removes it, unless it has become the file.</summary>
    public void Dispose()
    {
        Remove(stream.Name);
        stream.Dispose();
    }

    static void RemoveLeft(string file)
    {
        var name = Path.GetFileName(file);
        var all = new EnumerationOptions { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = true };
        foreach (var path in Directory.GetFiles(Path.GetDirectoryName(Path.GetFullPath(file))!, "*.draft", all))
        {
            var other = Path.GetFileName(path);
            if (!other.StartsWith(name, StringComparison.Ordinal) || !Suffix().IsMatch(other.AsSpan(name.Length)))
                continue;
            try
            {
                // To write as well, because a pipe of that name is then opened at once (fifo(7)).
                using var locked = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                File.Delete(path);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // Another program is writing the same file.
            }
        }
    }

    static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // What is told is why the file could not be written.
        }
    }

    [GeneratedRegex(@"^\.[0-9a-f]{8}\.draft\z")]
    private static partial Regex Suffix();
}
