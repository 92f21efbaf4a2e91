using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Evilman.Run;

/// <summary>
/// What a program needs that was linked dynamically on this machine, as most compilers and «go build» do: its dynamic linker
/// and its libraries, at the paths that they have here.
/// </summary>
internal static class OwnLibraries
{
    /// <summary>Puts those that are here and not in the files yet into them.</summary>
    /// <returns>Their paths.</returns>
    internal static IReadOnlyList<string> AddTo(GuestFiles files, ElfFile program)
    {
        var added = new List<string>();
        if (program.Interpreter is not { } linker)
            return added;
        if (files.Resolve(linker) is null)
            Take(linker);
        var names = new Queue<string>(program.Needed);
        var seen = new HashSet<string>(program.Needed, StringComparer.Ordinal) { Path.GetFileName(linker) };
        while (names.TryDequeue(out var name))
        {
            var isThere = ProgramCheck.LibraryFolders.Any(folder => files.Resolve($"{folder}/{name}") is not null);
            if (isThere || name == Path.GetFileName(linker) || name.Contains('/', StringComparison.Ordinal))
                continue;
            foreach (var folder in ProgramCheck.LibraryFolders)
            {
                if (Take($"/{folder}/{name}") is not { } library)
                    continue;
                foreach (var further in library.Needed)
                {
                    if (seen.Add(further))
                        names.Enqueue(further);
                }
                break;
            }
        }
        return added;

        // Null for no library for this processor.
        ElfFile? Take(string path)
        {
            try
            {
                if (!GuestFiles.IsRegular(path))
                    return null;
                var content = GuestFiles.ReadFile(path);
                var library = ElfFile.Read(path, content);
                files.AddFile(path, content, GuestFiles.ForAll);
                added.Add(path);
                return library;
            }
            catch (Failure)
            {
                return null;
            }
        }
    }
}
