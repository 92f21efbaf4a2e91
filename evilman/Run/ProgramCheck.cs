using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Evilman.Run;

/// <summary>Finds out before a machine is started whether the program in a guest's files can be run at all.</summary>
internal static class ProgramCheck
{
    /// <summary>Where dynamic linkers look, of Debian and Fedora alike.</summary>
    internal static readonly string[] LibraryFolders =
        ["lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];

    static readonly string[] s_programs =
        ["usr/local/bin", "usr/bin", "bin", "usr/local/sbin", "usr/sbin", "sbin", "app"];

    /// <summary>The path of a program in the guest. Fails with what to do when it cannot run there.</summary>
    /// <param name="word">A path, or a name to be looked for as PATH says.</param>
    /// <param name="isAlone">Its user gave nothing but this file.</param>
    internal static string Demand(GuestFiles files, string word, bool isAlone)
    {
        var path = Locate(files, word);
        if (files.Resolve(path) is not var (place, member))
            throw Failure.Usage($"there is no «{Text.Printable.Of(word)}» in these files");
        if (member.IsDirectory)
            throw Failure.Usage($"{word} is a folder: name a program in it");
        if (!member.IsProgram)
            throw Failure.Usage($"{word} may not be executed: «chmod +x» permits it");
        if (member.Content.AsSpan().StartsWith("#!"u8))
            DemandInterpreter(files, word, member.Content);
        else
            DemandLibraries(files, word, member.Content, isAlone);
        return "/" + path;
    }

    static string Locate(GuestFiles files, string word)
    {
        if (word.Contains('/'))
            return word.TrimStart('/');
        foreach (var folder in s_programs)
        {
            if (files.Resolve($"{folder}/{word}") is { Member.IsProgram: true })
                return $"{folder}/{word}";
        }
        return word;
    }

    static void DemandInterpreter(GuestFiles files, string word, byte[] script)
    {
        var line = Encoding.UTF8.GetString(script.AsSpan(2, Math.Min(script.Length - 2, 256))).Split('\n')[0].Trim();
        var interpreter = line.Split([' ', '\t'], 2)[0];
        if (interpreter.Length == 0 || files.Resolve(interpreter) is not { Member.IsProgram: true })
            throw new Failure($"{word} is a script for «{Text.Printable.Of(interpreter)}», which is not in these files: "
                + "give a folder that has it");
    }

    static void DemandLibraries(GuestFiles files, string word, byte[] program, bool isAlone)
    {
        var elf = ElfFile.Read(word, program);
        if (elf.Interpreter is null)
            return;
        var lacking = new SortedSet<string>(StringComparer.Ordinal);
        if (files.Resolve(elf.Interpreter) is null)
            lacking.Add(elf.Interpreter);
        // The C library names the dynamic linker among what it needs.
        Collect(files, elf, lacking, [Path.GetFileName(elf.Interpreter)]);
        if (lacking.Count == 0)
            return;
        var what = string.Join(", ", lacking);
        throw new Failure(isAlone
            ? $"{Path.GetFileName(word)} is linked dynamically, and needs {Text.Printable.Of(what)}, which this machine does not have "
                + "either: install that, or link it statically (gcc -static, CGO_ENABLED=0 go build, rustc --target "
                + "x86_64-unknown-linux-musl)"
            : $"{word} needs {Text.Printable.Of(what)}, which the folder or archive does not have");
    }

    static void Collect(GuestFiles files, ElfFile elf, SortedSet<string> lacking, HashSet<string> seen)
    {
        // Where it says itself where they lie, its own dynamic linker is the one who knows.
        if (elf.HasOwnPaths)
            return;
        foreach (var name in elf.Needed)
        {
            if (!seen.Add(name))
                continue;
            GuestFiles.Member? library = null;
            foreach (var folder in LibraryFolders)
                library ??= files.Resolve($"{folder}/{name}")?.Member;
            if (library is null)
                lacking.Add(name);
            else if (ElfFile.Is(library.Content))
                Collect(files, ElfFile.Read(name, library.Content), lacking, seen);
        }
    }
}
