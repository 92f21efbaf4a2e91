using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Evilman;
using Evilman.Run;
using Testing;

namespace Programs.Tests;

/// <summary>
/// The files of a guest that runs programs of this host, in a folder: the programs, the libraries that their ELF headers name, and who runs them for whoever
/// connects. The same folder is the root of the programs that this host runs.
/// </summary>
internal sealed class Tree : IDisposable
{
    /// <summary>Where it is told what to run: a line for a shell, its input behind it.</summary>
    public const int Port = 9;

    private static readonly string[] s_libraries = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/lib", "/usr/lib", "/usr/local/lib"];

    private readonly string folder = Directory.CreateTempSubdirectory("programs-").FullName;
    private readonly HashSet<string> packed = [];

    public Tree(IEnumerable<Entry> entries)
    {
        foreach (string path in (string[])["dev", "proc", "sys", "tmp", "etc", "run", "root", "var/log", "var/lib", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "commands"])
            Directory.CreateDirectory(Path.Combine(folder, path));
        foreach (string name in (string[])["bin", "sbin", "lib", "lib64"])
            File.CreateSymbolicLink(Path.Combine(folder, name), "usr/" + name);
        foreach (string tool in (string[])["/bin/busybox", "dash", "cat", "tee", "mkdir", "rm", "ls", "head", "sleep", "md5sum", "/lib/x86_64-linux-gnu/libgcc_s.so.1", .. entries.SelectMany(entry => entry.Tools).Distinct()])
            Add(Entry.Locate(tool)!);
        File.CreateSymbolicLink(Path.Combine(folder, "bin/sh"), "dash");
        File.Copy(Repository.Image("migrate"), Path.Combine(folder, "bin/migrate"));
        File.Copy(Repository.Image("loader-checkpoint"), Path.Combine(folder, "lib/checkpoint-loader"));
        Write("etc/machine.key", Convert.ToHexStringLower(Testing.Machines.Client.Key) + "\n");
        Write("etc/passwd", "root::0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n");
        Write("etc/group", "root:x:0:\nnogroup:x:65534:\n");
        Write("etc/hosts", "127.0.0.1 localhost\n");
        string sources = Path.Combine(Repository.Root, "tests", "Programs.Tests", "programs");
        Testing.Programs.Run("cp", "-R", sources, folder);
        foreach (Entry entry in entries)
        {
            Write($"commands/{entry.Name}", entry.Command + "\n");
            if (entry.Build != null)
                Build(entry, sources);
        }
        Write("bin/serve", """
            #!/bin/sh
            . /programs/parts.sh
            read -r line
            cat | { eval "$line"; echo "exit $?"; } 2>&1 | cat

            """);
        Write("init", $"""
            #!/bin/sh
            export PATH=/usr/bin:/usr/sbin LC_ALL=C HOME=/root
            [ -e /proc/self ] || busybox mount -t proc proc /proc
            busybox mount -t sysfs sysfs /sys
            exec busybox nc -ll -p {Port} -e /bin/serve

            """);
        // Its own folder, too: there is more than one user in it.
        Testing.Programs.Run("chmod", "755", folder, Path.Combine(folder, "init"), Path.Combine(folder, "bin/serve"));
    }

    /// <summary>Its path on this host.</summary>
    public string Root => folder;

    /// <summary>A file or a folder of this host, under the same path, with the libraries that it names.</summary>
    private void Add(string path)
    {
        if (!packed.Add(path))
            return;
        if (Directory.Exists(path))
        {
            foreach (string entry in Directory.EnumerateFileSystemEntries(path).Where(entry => !IsLeftOut(Path.GetFileName(entry))))
                Add(entry);
            return;
        }
        string real = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path, copy = folder + path;
        if (!File.Exists(real))
            return;
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        if (!File.Exists(copy))
            File.Copy(real, copy);
        AddLibraries(path);
    }

    /// <summary>Parts of Python's library that are large, and that no program here imports.</summary>
    private static bool IsLeftOut(string name) => name is "test" or "dist-packages" or "idlelib" or "lib2to3" or "pydoc_data" or "ensurepip" or "distutils" or "unittest" or "tkinter"
        || name.StartsWith("config-", StringComparison.Ordinal);

    private void AddLibraries(string path)
    {
        byte[] content = File.ReadAllBytes(path);
        if (!ElfFile.Is(content))
            return;
        ElfFile elf;
        try
        {
            elf = ElfFile.Read(path, content);
        }
        catch (Failure)
        {
            return; // an object file, which names nothing
        }
        if (elf.Interpreter != null)
            Add(elf.Interpreter);
        foreach (string name in elf.Needed)
        {
            string? library = s_libraries.Select(place => Path.Combine(place, name)).FirstOrDefault(File.Exists);
            if (library != null)
                Add(library);
        }
    }

    private void Build(Entry entry, string sources)
    {
        string program = Path.Combine(folder, "usr/bin", entry.Name);
        Testing.Programs.Run("env", "-C", sources, $"out={program}", "sh", "-c", entry.Build!);
        AddLibraries(program);
    }

    private void Write(string path, string text) => File.WriteAllText(Path.Combine(folder, path), text);

    /// <summary>All of it, as the kernel takes it ("newc").</summary>
    public byte[] Archive()
    {
        string archive = folder + ".cpio";
        Testing.Programs.Run("sh", "-c", $"cd {folder} && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0 >{archive}");
        byte[] content = File.ReadAllBytes(archive);
        File.Delete(archive);
        return content;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
