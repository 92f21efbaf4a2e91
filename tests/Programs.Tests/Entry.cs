using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Programs.Tests;

/// <summary>A program of other people, and how it is run.</summary>
/// <param name="Name">Its name in the table; a word.</param>
/// <param name="Source">Where it comes from: Debian's package, or the compiler that makes it of a file in programs/.</param>
/// <param name="What">What it does in its test, in a few words.</param>
/// <param name="Tools">The programs that it takes, which are packed with their libraries; and folders.</param>
/// <param name="Command">
/// Lines for a shell, in a folder of their own. Their input comes in three parts, between which the guest moves; "part" gives the next of them. All that they
/// print, and their exit code, is compared with what the same files print on this host.
/// </param>
internal sealed record Entry(string Name, string Source, string What, string[] Tools, string Command)
{
    /// <summary>What makes the program here, for a shell that has its path in "$out" and is in programs/. Its first word is the compiler.</summary>
    public string? Build { get; init; }

    /// <summary>A server's TCP port, on which it takes a connection that ends at once; 0: its client waits for it by itself.</summary>
    public int Port { get; init; }

    /// <summary>Of a server: lines for a shell outside of the guest, with the same input, whose output is compared. The server's address is in "$host".</summary>
    public string? Client { get; init; }

    /// <summary>What <see cref="Client"/> takes.</summary>
    public string[] ClientTools { get; init; } = [];

    /// <summary>Of a program that does not run: what the guest does not have.</summary>
    public string? Lacks { get; init; }

    /// <summary>Of a program that does not run: a part of what it says in the guest.</summary>
    public string? Says { get; init; }

    /// <summary>Nothing installs it for a test, since that takes too much: it is run when PROGRAMS names it.</summary>
    public bool IsOnlyByName { get; init; }

    /// <summary>Whether it is run: all that can be are, unless the environment's PROGRAMS names some.</summary>
    public bool IsChosen => Environment.GetEnvironmentVariable("PROGRAMS") is { Length: > 0 } chosen ? chosen.Split(' ').Contains(Name) : !IsOnlyByName;

    private static readonly string[] s_paths =
        [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), "/usr/sbin", "/sbin"];

    /// <summary>The path of a program of this host, or of a folder that is named by its path; null when there is none.</summary>
    public static string? Locate(string tool) => tool.StartsWith('/')
        ? (Path.Exists(tool) ? tool : null)
        : s_paths.Select(folder => Path.Combine(folder, tool)).FirstOrDefault(File.Exists);

    /// <summary>What of it is not on this host.</summary>
    public IEnumerable<string> FindMissing() => Tools.Concat(ClientTools).Concat(Build == null ? [] : [Build.Split(' ')[0]]).Where(tool => Locate(tool) == null);
}
