using System;
using System.Collections.Generic;
using System.IO;
using Tokens;
using Wire;

namespace Evilman.Minting;

/// <summary>Files that hold secrets: readable by their owner alone, from the moment they exist.</summary>
public static class SecretFile
{
    /// <summary>Behind the key's newline a file may have remarks.</summary>
    const int MaxKeyFileSize = 4096;

    /// <summary>What is replaced is a secret too, or something that small: anything else is there by mistake.</summary>
    const int MaxFormerSize = 65536;

    /// <summary>
    /// A new node secret as its file holds it: 160 random bits, as long as the hash, which is what RFC 2104 section 3
    /// advises; written as 40 hexadecimal digits, because a file that people copy around had better be text. The digits
    /// are the secret.
    /// </summary>
    public static byte[] NewKey() =>
        System.Text.Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Secret.Random(Sha1.DigestSize)) + "\n");

    /// <summary>
    /// Writes a file of mode 0600 in one step: it is there with all of its bytes, or it is not there, and what was
    /// there before is lost only with <paramref name="replace"/>.
    /// </summary>
    public static void Write(string file, ReadOnlySpan<byte> bytes, bool replace)
    {
        if (!replace && Path.Exists(file))
            throw Exists(file);
        try
        {
            using var draft = new Draft(file, bytes);
            draft.Become(file, replace);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw !replace && Path.Exists(file) ? Exists(file) : CannotWrite(file, failure);
        }
    }

    /// <summary>
    /// Writes all of the files or none: nothing that was there before is touched until all of them, and all that they
    /// replace, are on the disk under other names; when a file cannot be put in its place after all, those before it
    /// get back what they were. The last one is there only when the others are.
    /// </summary>
    public static void WriteAll(IReadOnlyList<(string Path, byte[] Bytes)> files, bool replace)
    {
        foreach (var (path, _) in files)
        {
            if (!replace && Path.Exists(path))
                throw Exists(path);
        }
        var drafts = new List<Draft>();
        var former = new List<Draft?>();
        var moved = 0;
        var stopped = files[0].Path;
        try
        {
            foreach (var (path, bytes) in files)
            {
                stopped = path;
                drafts.Add(new Draft(path, bytes));
                former.Add(File.Exists(path)
                    ? new Draft(path, Files.Read(path, MaxFormerSize, "what a secret may replace"))
                    : null);
            }
            for (; moved < files.Count; moved++)
            {
                stopped = files[moved].Path;
                drafts[moved].Become(stopped, replace);
            }
        }
        catch (Exception failure) when (failure is Failure or IOException or UnauthorizedAccessException)
        {
            var left = new List<string>();
            while (moved-- > 0)
            {
                if (!TryRestore(former[moved], files[moved].Path))
                    left.Add(files[moved].Path);
            }
            var why = failure as Failure ?? CannotWrite(stopped, failure);
            throw left.Count == 0 ? why
                : new Failure($"{why.Message}; and these are new already: {string.Join(", ", left)}");
        }
        finally
        {
            drafts.ForEach(draft => draft.Dispose());
            former.ForEach(draft => draft?.Dispose());
        }
    }

    /// <summary>Puts back what a file was, or takes it away again.</summary>
    static bool TryRestore(Draft? former, string path)
    {
        try
        {
            if (former is null)
                File.Delete(path);
            else
                former.Become(path, replace: true);
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The library's own words name the draft.</summary>
    static Failure CannotWrite(string file, Exception why) => new($"{file} cannot be written: " + why switch
    {
        DirectoryNotFoundException => "its folder is not there",
        UnauthorizedAccessException => "this account may not",
        _ => why.Message,
    });

    static Failure Exists(string file) => new($"{file} exists already, and a secret is not overwritten");

    /// <summary>A node secret: the file up to its first newline, as packetd reads it.</summary>
    public static byte[] ReadKey(string file)
    {
        return Secret.NodeKeyOf(Files.Read(file, MaxKeyFileSize, "a key file"))
            ?? throw new Failure($"{file} is no key file: a node secret has {Secret.MinNodeKeySize} to "
                + $"{Secret.MaxNodeKeySize} bytes before a newline or the end");
    }
}
