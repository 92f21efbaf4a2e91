using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using Testing;

namespace Domain.Bench;

/// <summary>
/// Unmodified programs, and what a kernel does, in the same guest on <c>domain</c> with either engine and on QEMU's
/// microvm (TCG), and the same files on the host: the time that each takes by the clock of where it runs.
/// </summary>
internal static class InGuest
{
    private const int MemoryMib = 384, PatienceSeconds = 300;

    /// <summary>Figures come from bench/Guest/loops.c, what a program says is compared by its sum.</summary>
    private static readonly (string Name, string Command)[] s_programs =
    [
        ("md5sum", "busybox md5sum data/much"),
        ("sha256sum", "busybox sha256sum data/much"),
        ("gzip", "busybox gzip -c data/little"),
        ("bzip2", "busybox bzip2 -c data/least"),
        // By its path: the shell takes its own applet for the name.
        ("xz", "/bin/xz -1 -T1 -c data/least"),
        ("sort", "busybox sort data/little"),
        ("awk", "busybox awk '{ n += length($1) } END { print n }' data/much"),
        ("grep", "busybox grep -c '7.*3' data/much"),
        ("openssl", "openssl dgst -sha3-256 data/little"),
        ("zstd", "zstd -q --single-thread -c data/little"),
        ("sqlite3", "sqlite3 :memory: <data/work.sql"),
        ("lua", "lua5.4 data/work.lua"),
        ("7zip", "sh -c '7zr a -bd -mx=1 -mmt=1 -mtm=off -si tmp/a.7z <data/least >/dev/null && 7zr e -so tmp/a.7z && rm tmp/a.7z'"),
        ("csharp", "bench-workload"),
    ];

    private const string Sql = """
        CREATE TABLE words (number INTEGER, text TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
            INSERT INTO words SELECT i * 7919 % 60013, 'word ' || i FROM n;
        CREATE INDEX numbers ON words (number);
        UPDATE words SET text = text || '!' WHERE number % 3 = 0;
        SELECT count(*), sum(length(text)) FROM words;
        SELECT sum(a.number) FROM words a JOIN words b ON a.number = b.number + 1;
        """;

    private const string Lua = """
        local words, n = {}, 0
        for i = 1, 200000 do
            local key = "k" .. (i * 7919 % 5003)
            words[key] = (words[key] or 0) + i
        end
        for key, value in pairs(words) do n = n + #key * value end
        local text = string.rep("a7b3", 2000)
        local _, found = text:gsub("%d%l", "%0%0")
        local function fib(i) return i < 2 and i or fib(i - 1) + fib(i - 2) end
        print(n, found, fib(27))
        """;

    /// <summary>What a guest's kernel does most, of bench/Guest/loops.c: processes, calls, pages, pipes, switches.</summary>
    private static readonly string[] s_loops = ["fork+exec", "getpid", "mmap+touch", "pipe", "switch"];

    /// <summary>Medians of one program or loop; seconds of a program, microseconds of one turn of a loop.</summary>
    public readonly record struct Row(string Name, bool IsLoop, double Host, double Translated, double Interpreted, double Qemu)
    {
        /// <summary>QEMU's time by ours.</summary>
        public double Faster => Qemu / Translated;
    }

    /// <summary>All by turns, so that what else the machine does falls on each alike.</summary>
    /// <param name="interpreted">of the turns, those in which the interpreter has one, too: it takes the longest</param>
    public static List<Row> Run(string folder, string[] qemu, int runs, int interpreted)
    {
        string root = Path.Combine(folder, "root"), image = Path.Combine(folder, "initramfs");
        Pack(root, image);
        string[] guest = ["--kernel", Repository.Image("guestos"), "--initrd", image];
        string memory = MemoryMib.ToString(CultureInfo.InvariantCulture);
        string[] domain = [Repository.Program("domain"), .. guest, "--memory", memory, "--append", "init=/init"];
        Dictionary<string, List<double>> host = [], translated = [], slow = [], theirs = [];
        string? right = null;
        for (int run = 0; run < runs; run++)
        {
            Take(host, ref right, "the host", "sh", "-c", $"cd {root} && PATH={root}/bin HOME=/ sh work");
            Take(translated, ref right, "domain", domain);
            Take(theirs, ref right, "QEMU",
                [.. qemu, "-m", memory, "-kernel", guest[1], "-initrd", image, "-append", "init=/init"]);
            if (run < interpreted)
                Take(slow, ref right, "domain's interpreter", [.. domain, "--engine", "interpreter"]);
        }
        return [.. s_programs.Select(program => (program.Name, false)).Concat(s_loops.Select(name => (name, true)))
            .Select(row => new Row(row.Item1, row.Item2, Median(host[row.Item1]), Median(translated[row.Item1]),
                Median(slow[row.Item1]), Median(theirs[row.Item1])))];
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    // Starts the program, and takes the figures from what it says. The sums must be those of the first run of all.
    private static void Take(Dictionary<string, List<double>> figures, ref string? right, string where, params string[] words)
    {
        using var process = Host.Start(words);
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        using var limit = new Timer(_ => process.Kill(true), null, PatienceSeconds * 1000, Timeout.Infinite);
        var sums = new StringBuilder();
        bool ended = false;
        for (string? line; !ended && (line = process.StandardOutput.ReadLine()) != null;)
        {
            string[] parts = line.TrimEnd('\r').Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts is ["@", "end", ..])
                ended = true;
            else if (parts is ["@", var name, var microseconds])
            {
                if (!figures.TryGetValue(name, out var values))
                    figures[name] = values = [];
                values.Add(double.Parse(microseconds, CultureInfo.InvariantCulture));
            }
            else if (parts is ["!", ..])
                throw new InvalidOperationException($"a program failed on {where}: {line.Trim()}");
            else if (parts is ["#", var of, var sum])
                sums.Append(of).Append(' ').AppendLine(sum);
        }
        process.Kill(true);
        process.WaitForExit();
        if (!ended)
            throw new InvalidOperationException($"the programs did not come to their end on {where}");
        right ??= sums.ToString();
        if (sums.ToString() != right)
            throw new InvalidOperationException($"programs say something else on {where}: {sums}, and not {right}");
    }

    private static void Pack(string root, string image)
    {
        foreach (string name in new[] { "dev", "proc", "tmp", "bin", "data", "etc" })
            Directory.CreateDirectory(Path.Combine(root, name));
        BesideQemu.WriteText(Path.Combine(root, "data", "much"), 16 << 20);
        BesideQemu.WriteText(Path.Combine(root, "data", "little"), 4 << 20);
        BesideQemu.WriteText(Path.Combine(root, "data", "least"), 1 << 20);
        File.WriteAllText(Path.Combine(root, "data", "work.sql"), Sql);
        File.WriteAllText(Path.Combine(root, "data", "work.lua"), Lua);
        string output = Path.Combine(Repository.Root, "out", "bench");
        foreach (string program in new[] { "/usr/bin/busybox", Path.Combine(output, "guest-loops"),
            Path.Combine(output, "bench-workload"), "/usr/bin/xz", "/usr/bin/openssl", "/usr/bin/zstd", "/usr/bin/sqlite3",
            "/usr/bin/lua5.4", "/usr/lib/p7zip/7zr" })
            Add(root, program);
        foreach (string applet in new[] { "sh", "mount", "md5sum", "rm", "poweroff" })
            File.CreateSymbolicLink(Path.Combine(root, "bin", applet), "busybox");
        var work = new StringBuilder();
        foreach (var (name, command) in s_programs)
        {
            // The command lies in a file, so that no quotes are within quotes.
            File.WriteAllText(Path.Combine(root, "data", name + ".sh"), $"{command} >tmp/said\n");
            work.Append($"guest-loops time {name} bin/sh data/{name}.sh\n");
            work.Append($"set -- $(md5sum tmp/said)\necho \"# {name} $1\"\nrm tmp/said\n");
        }
        work.Append($"guest-loops {string.Join(' ', s_loops)}\n");
        File.WriteAllText(Path.Combine(root, "work"), work + "echo '@ end 0'\n");
        string init = Path.Combine(root, "init");
        File.WriteAllText(init, "#!/bin/sh\nexport PATH=/bin HOME=/\nmount -t proc proc /proc\ncd /\nsh work\npoweroff -f\n");
        using var archive = Host.Start(["sh", "-c",
            $"cd {root} && chmod 755 init && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 >{image}"]);
        archive.WaitForExit();
    }

    /// <summary>A program and the libraries that it is linked to.</summary>
    private static void Add(string root, string program)
    {
        if (!File.Exists(program))
            throw new InvalidOperationException($"needs {program}");
        string to = Path.Combine(root, "bin", Path.GetFileName(program));
        File.Copy(program, to);
        using var lister = Host.Start(["ldd", program]);
        string libraries = lister.StandardOutput.ReadToEnd();
        lister.WaitForExit();
        foreach (string word in libraries.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            string copy = root + word;
            if (!word.StartsWith('/') || !File.Exists(word) || File.Exists(copy))
                continue;
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(File.ResolveLinkTarget(word, true)?.FullName ?? word, copy);
        }
    }
}
