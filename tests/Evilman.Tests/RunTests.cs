using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Formats.Tar;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using Evilman.Run;
using Testing;
using Xunit;

namespace Evilman.Tests;

/// <summary>What «evilman run» makes of programs, folders and archives before it starts anything.</summary>
public sealed class RunTests : IDisposable
{
    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-run-");

    public void Dispose() => folder.Delete(recursive: true);

    string At(string name) => Path.Combine(folder.FullName, name);

    // ---- programs ----

    /// <summary>The C compiler's and readelf's words are the measure.</summary>
    [Fact]
    public void A_program_is_what_readelf_says_it_is()
    {
        foreach (var (name, options) in ((string, string[])[])[("static", ["-static", "-lm"]), ("dynamic", ["-lm"]),
            ("own", ["-Wl,-rpath,/opt/own", "-lm"]), ("library.so", ["-shared", "-fPIC", "-lm"])])
        {
            File.WriteAllText(At("a.c"), "#include <math.h>\nint main(int c, char **v) { return (int)cos(c); }\n");
            Shell("gcc", ["-o", At(name), At("a.c"), "-Wl,--no-as-needed", .. options]);
            var elf = ElfFile.Read(name, File.ReadAllBytes(At(name)));
            var said = Shell("readelf", ["-ldW", At(name)]);
            Assert.Equal(said.Split("Requesting program interpreter: ") is [_, var rest] ? rest.Split(']')[0] : null, elf.Interpreter);
            Assert.Equal(said.Split("Shared library: [").Skip(1).Select(part => part.Split(']')[0]), elf.Needed);
            Assert.Equal(said.Contains("path: [", StringComparison.Ordinal), elf.HasOwnPaths);
            Assert.Equal(name == "static", elf.Interpreter is null && elf.Needed.Count == 0);
        }
    }

    /// <summary>Whatever a file holds, it is taken or refused in a sentence.</summary>
    [Fact]
    public void A_damaged_program_is_refused_in_a_sentence()
    {
        File.WriteAllText(At("a.c"), "int main() { return 0; }\n");
        Shell("gcc", ["-o", At("a"), At("a.c")]);
        var whole = File.ReadAllBytes(At("a"));
        var random = new Random(1);
        var refused = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = i < 1000 ? whole[..(i * whole.Length / 1000)] : whole.ToArray();
            for (var changes = random.Next(1, 5); i >= 1000 && changes > 0; changes--)
                bytes[random.Next(0, 64 + 14 * 56)] = (byte)random.Next(256);
            try
            {
                ElfFile.Read("a", bytes);
            }
            catch (Failure)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 1000, 19_999);
    }

    [Theory]
    [InlineData(18, 183, "a program for ARM (aarch64); machines here are x86-64")]
    [InlineData(18, 243, "a program for RISC-V")]
    [InlineData(4, 1, "a program for x86-64 with 32-bit addresses")]
    [InlineData(16, 1, "was not linked yet")]
    public void A_program_for_something_else_is_refused_by_its_name(int at, byte value, string sentence)
    {
        var header = new byte[64];
        "\x7f"u8.CopyTo(header);
        "ELF"u8.CopyTo(header.AsSpan(1));
        (header[4], header[5], header[16], header[18]) = (2, 1, 2, 62);
        header[at] = value;
        Assert.Contains(sentence, Assert.Throws<Failure>(() => ElfFile.Read("a", header)).Message, StringComparison.Ordinal);
    }

    // ---- files ----

    /// <summary>GNU cpio unpacks what is written, and what GNU cpio and tar write is read, to the same files.</summary>
    [RootFact] // who is not root cannot unpack modes that forbid him to read
    public void Files_are_the_same_through_every_kind_of_archive()
    {
        var tree = Directory.CreateDirectory(At("tree")).FullName;
        Directory.CreateDirectory(Path.Combine(tree, "usr/lib"));
        File.WriteAllText(Path.Combine(tree, "usr/lib/a"), "content of a");
        File.WriteAllBytes(Path.Combine(tree, "usr/empty"), []);
        File.WriteAllBytes(Path.Combine(tree, "ü x"), [.. Enumerable.Range(0, 5000).Select(i => (byte)i)]);
        File.SetUnixFileMode(Path.Combine(tree, "usr/lib/a"), (UnixFileMode)0b100_111_101_001);
        File.CreateSymbolicLink(Path.Combine(tree, "lib"), "usr/lib");
        Shell("ln", [Path.Combine(tree, "usr/lib/a"), Path.Combine(tree, "usr/lib/second")]);
        Shell("mkfifo", [Path.Combine(tree, "pipe")]);
        var read = new GuestFiles();
        read.ReadFolder(tree);
        var unpacked = Directory.CreateDirectory(At("unpacked")).FullName;
        File.WriteAllBytes(At("ours.cpio"), read.Archive());
        Shell("sh", ["-c", $"cd {unpacked} && cpio --quiet -i <{At("ours.cpio")}"]);
        Shell("rm", [Path.Combine(tree, "pipe")]);
        Assert.Equal("", Shell("diff", ["-r", "--no-dereference", tree, unpacked]));
        Assert.Equal(File.GetUnixFileMode(Path.Combine(tree, "usr/lib/a")), File.GetUnixFileMode(Path.Combine(unpacked, "usr/lib/a")));
        foreach (var make in (string[])["find . -mindepth 1 | cpio --quiet -o -H newc", "tar -cf - .", "tar -czf - *",
            "tar --format=posix -cf - .", "find . -mindepth 1 | cpio --quiet -o -H newc | gzip",
            "tar -cf - . | zstd -q", "find . -mindepth 1 | cpio --quiet -o -H newc | zstd -q --no-check"])
        {
            Shell("sh", ["-c", $"cd {tree} && {make} >{At("theirs")}"]);
            var theirs = new GuestFiles();
            theirs.ReadArchive(make, File.ReadAllBytes(At("theirs")));
            Assert.True(read.Archive().AsSpan().SequenceEqual(theirs.Archive()), make);
        }
    }

    [Fact]
    public void A_name_that_leads_out_of_its_archive_is_refused()
    {
        var files = new GuestFiles();
        Assert.Throws<Failure>(() => files.AddFile("a/../../b", [], 0));
        using var bytes = new MemoryStream();
        using (var writer = new TarWriter(bytes, leaveOpen: true))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "../evil") { DataStream = new MemoryStream([1]) });
        Assert.Contains("leads out", Assert.Throws<Failure>(() => files.ReadArchive("x", bytes.ToArray())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_archive_is_refused_in_a_sentence()
    {
        var files = new GuestFiles();
        files.AddFile("bin/a", new byte[3000], 0x1ED);
        files.AddLink("lib", "usr/lib");
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, leaveOpen: true))
        {
            writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "bin/a") { DataStream = new MemoryStream(new byte[3000]) });
            writer.WriteEntry(new UstarTarEntry(TarEntryType.SymbolicLink, "lib") { LinkName = "usr/lib" });
        }
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true))
            gzip.Write(tar.ToArray());
        var random = new Random(2);
        foreach (var whole in (byte[][])[[0x28, 0xB5, 0x2F, 0xFD], [0x28, 0xB5, 0x2F, 0xFD, .. new byte[100]]])
            Assert.Contains("damaged archive", Assert.Throws<Failure>(() => new GuestFiles().ReadArchive("x", whole)).Message, StringComparison.Ordinal);
        foreach (var whole in (byte[][])[files.Archive(), tar.ToArray(), packed.ToArray()])
        {
            for (var i = 0; i < 3000; i++)
            {
                var bytes = whole[..(i % 3 == 0 ? random.Next(whole.Length) : whole.Length)];
                for (var changes = i % 3 == 0 ? 0 : random.Next(1, 4); changes > 0; changes--)
                    bytes[random.Next(Math.Min(bytes.Length, 700))] = (byte)random.Next(256);
                try
                {
                    new GuestFiles().ReadArchive("x", bytes);
                }
                catch (Failure)
                {
                }
            }
        }
    }

    /// <summary>What no mutation of a few bytes comes upon: numbers that fit no number, kinds of entries that nobody unpacks, names without an end.</summary>
    [Fact]
    public void An_archive_that_lies_is_refused_in_a_sentence()
    {
        Refuses("damaged archive", Lying(tar => (tar[136], tar[137]) = (0x80, 0x7F))); // when it was changed
        Refuses("damaged archive", Lying(tar => (tar[108], tar[109]) = (0x80, 0x7F))); // its user
        Refuses("damaged archive", Lying(tar => tar[156] = (byte)'S')); // a sparse file
        Refuses("damaged archive", [.. Extended("size=99999999999999999999"), .. Lying(_ => { })]);
        Refuses("damaged archive", [.. Extended("uid=99999999999999"), .. Lying(_ => { })]);
        Refuses("more than 4095 bytes", [.. Extended("path=" + string.Join('/', Enumerable.Repeat('a', 100_000))), .. Lying(_ => { })]);
        Refuses("more than 4095 bytes", Extended("path=" + new string('é', 2048), Lying(_ => { })));
        Refuses("has a zero in it", Encoding.ASCII.GetBytes($"070701{1:X8}{0x81ED:X8}{0:X40}{0:X32}{4:X8}{0:X8}a\0b\0\0\0"));

        static void Refuses(string sentence, byte[] archive) => Assert.Contains(sentence,
            Assert.Throws<Failure>(() => new GuestFiles().ReadArchive("x", archive)).Message, StringComparison.Ordinal);

        static byte[] Lying(Action<byte[]> change)
        {
            using var tar = new MemoryStream();
            using (var writer = new TarWriter(tar, leaveOpen: true))
                writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "a") { DataStream = new MemoryStream([1]) });
            var bytes = tar.ToArray();
            change(bytes);
            "        "u8.CopyTo(bytes.AsSpan(148));
            var sum = 0;
            foreach (var value in bytes.AsSpan(0, 512))
                sum += value;
            Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(bytes.AsSpan(148));
            return bytes;
        }

        // A header of extended attributes, as pax(1) writes it, with this one.
        static byte[] Extended(string attribute, params byte[] behind)
        {
            var length = Encoding.UTF8.GetByteCount(attribute) + 2;
            var whole = length + $"{length}".Length;
            whole = length + $"{whole}".Length;
            var text = Encoding.UTF8.GetBytes($"{whole} {attribute}\n");
            var header = Lying(tar =>
            {
                tar[156] = (byte)'x';
                Encoding.ASCII.GetBytes(Convert.ToString(text.Length, 8).PadLeft(11, '0')).CopyTo(tar.AsSpan(124));
            });
            return [.. header[..512], .. text, .. new byte[-text.Length & 511], .. behind];
        }
    }

    /// <summary>Images have tens of thousands of files. The time would be minutes if each looked at all others.</summary>
    [Fact]
    public void An_image_of_many_files_is_put_together_in_time()
    {
        const int Files = 100_000;
        using var layer = new MemoryStream();
        using (var writer = new TarWriter(layer, leaveOpen: true))
        {
            for (var i = 0; i < Files; i++)
                writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, $"{i % 100}/{i}"));
            writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "7/.wh..wh..opq"));
            writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "70"));
        }
        var files = new GuestFiles();
        var clock = Stopwatch.StartNew();
        files.ReadLayer("x", layer.ToArray());
        files.ReadLayer("x", layer.ToArray());
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 60);
        Assert.NotNull(files.Find("7/7"));
        Assert.Null(files.Find("70/70"));
        Assert.Equal(0, files.Size);
    }

    // ---- images ----

    /// <summary>Layers lie one over the other, whiteouts take away what is below, and the configuration says how the program is run.</summary>
    [Fact]
    public void An_image_is_its_layers_one_over_the_other()
    {
        var image = new FakeImage();
        image.Layer(tar =>
        {
            Put(tar, "bin/app", "old", 0x1ED);
            Put(tar, "bin/gone", "gone");
            Put(tar, "etc/passwd", "me:x:77:78::/:\n");
            Put(tar, "var/cache/a", "a");
            Put(tar, "var/cache/deep/b", "b");
            Put(tar, "was/folder/c", "c");
            tar.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "lib") { LinkName = "usr/lib" });
            Put(tar, "usr/lib/one", "1");
        });
        image.Layer(tar =>
        {
            Put(tar, "var/cache/new", "new", user: 77);
            Put(tar, "bin/app", "new", 0x1ED);
            Put(tar, "bin/.wh.gone", "");
            Put(tar, "var/cache/.wh..wh..opq", "");
            Put(tar, "was", "file");
            Put(tar, "lib/two", "2");
            tar.WriteEntry(new PaxTarEntry(TarEntryType.HardLink, "bin/second") { LinkName = "lib/one" });
        }, "gzip");
        image.Layer(tar => Put(tar, "last", "last"), "zstd");
        image.Write("""{"architecture":"amd64","os":"linux","config":{"Env":["A=1"],"Entrypoint":["/bin/app"],"Cmd":["x","y"],"WorkingDir":"/var","User":"me"}}""");
        var files = new GuestFiles();
        var run = new OciImage("image", image.Read).Unpack(files);
        foreach (var (path, content) in ((string, string)[])[("bin/app", "new"), ("var/cache/new", "new"), ("was", "file"), ("usr/lib/one", "1"), ("usr/lib/two", "2"),
            ("lib/two", "2"), ("bin/second", "1"), ("last", "last")])
            Assert.Equal(content, Encoding.UTF8.GetString(files.Resolve(path)!.Value.Member.Content));
        foreach (var path in (string[])["bin/gone", "bin/.wh.gone", "var/cache/a", "var/cache/deep", "was/folder", "var/cache/.wh..wh..opq"])
            Assert.Null(files.Find(path));
        Assert.Equal(77, files.Find("var/cache/new")!.User);
        Assert.Equal(["/bin/app", "x", "y"], run.Words([]));
        Assert.Equal(["/bin/app", "z"], run.Words(["z"]));
        Assert.Equal(("/var", "me", "A=1"), (run.WorkingDir, run.User, run.Env!.Single()));
        Assert.Equal((77u, 78u), UserName.Find(files, run.User!));
    }

    [Fact]
    public void An_image_that_is_changed_cut_or_for_another_machine_is_refused_in_a_sentence()
    {
        const string Config = """{"architecture":"amd64","os":"linux"}""";
        Refuses("is something else", Config, image => image.Parts[image.Parts.Keys.First(path => path.StartsWith("blobs", StringComparison.Ordinal))][5] ^= 1);
        Refuses("is missing", Config, image => image.Parts.Remove(image.Parts.Keys.First(path => path.StartsWith("blobs", StringComparison.Ordinal))));
        Refuses("is an image for linux on arm64", Config.Replace("amd64", "arm64", StringComparison.Ordinal), _ => { });
        Refuses("has no image for linux on amd64", Config, image => image.Index("""{"manifests":[{"digest":"sha256:00","platform":{"architecture":"arm64","os":"linux"}}]}"""));
        Refuses("has 2 images", Config, image => image.Index("""{"manifests":[{"digest":"sha256:00"},{"digest":"sha256:01"}]}"""));
        Refuses("no digest", Config, image => image.Index("""{"manifests":[{"digest":"sha256:../../../etc/passwd"}]}"""));
        Refuses("damaged image", Config, image => image.Index("{"));
        Refuses("damaged image", Config, image => image.Index("null"));
        Refuses("has no image for linux on amd64", Config, image => image.Index("""{"manifests":[null]}"""));
        Refuses("damaged image", """{"config":{"Cmd":[null]}}""", _ => { });

        void Refuses(string sentence, string config, Action<FakeImage> spoil)
        {
            var image = new FakeImage();
            image.Layer(tar => Put(tar, "a", "a"));
            image.Write(config);
            spoil(image);
            Assert.Contains(sentence, Assert.Throws<Failure>(() => new OciImage("x", image.Read).Unpack(new GuestFiles())).Message, StringComparison.Ordinal);
        }
    }

    static void Put(TarWriter tar, string path, string content, int mode = 0x1A4, int user = 0) =>
        tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)), Mode = (UnixFileMode)mode, Uid = user });

    sealed class FakeImage
    {
        readonly List<string> layers = [];

        internal Dictionary<string, byte[]> Parts { get; } = new() { ["oci-layout"] = """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray() };

        internal byte[]? Read(string path) => Parts.GetValueOrDefault(path);

        internal void Layer(Action<TarWriter> fill, string? pack = null)
        {
            using var tar = new MemoryStream();
            using (var writer = new TarWriter(tar, leaveOpen: true))
                fill(writer);
            layers.Add(Blob(pack is null ? tar.ToArray() : Pack(pack, tar.ToArray())));
        }

        internal void Write(string config)
        {
            var all = string.Join(',', layers.Select(layer => $"{{\"digest\":\"{layer}\"}}"));
            var manifest = $$"""{"config":{"digest":"{{Blob(Encoding.UTF8.GetBytes(config))}}"},"layers":[{{all}}]}""";
            var list = """{"manifests":[{"digest":"sha256:00","platform":{"architecture":"arm64","os":"linux"}},{"digest":"HERE","platform":{"architecture":"amd64","os":"linux"}}]}"""
                .Replace("HERE", Blob(Encoding.UTF8.GetBytes(manifest)), StringComparison.Ordinal);
            Index($$"""{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{{Blob(Encoding.UTF8.GetBytes(list))}}"}]}""");
        }

        internal void Index(string text) => Parts["index.json"] = Encoding.UTF8.GetBytes(text);

        string Blob(byte[] bytes)
        {
            var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));
            Parts[$"blobs/sha256/{digest}"] = bytes;
            return "sha256:" + digest;
        }

        static byte[] Pack(string program, byte[] bytes)
        {
            using var process = Process.Start(new ProcessStartInfo(program, ["-c"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
            process.StandardInput.BaseStream.Write(bytes);
            process.StandardInput.Close();
            using var all = new MemoryStream();
            process.StandardOutput.BaseStream.CopyTo(all);
            return all.ToArray();
        }
    }

    [Fact]
    public void Links_are_followed_as_the_guest_would()
    {
        var files = new GuestFiles();
        files.AddFile("usr/lib/x/libc.so", [1], 0x1ED);
        files.AddLink("lib", "usr/lib");
        files.AddLink("usr/lib/y", "../lib/x");
        files.AddLink("usr/lib/z", "/lib/y/../x/libc.so");
        files.AddLink("round", "circle");
        files.AddLink("circle", "/round");
        Assert.Equal("usr/lib/x/libc.so", files.Resolve("/lib/y/libc.so")?.Path);
        Assert.Equal("usr/lib/x/libc.so", files.Resolve("../lib/z")?.Path);
        Assert.Null(files.Resolve("round"));
        Assert.Null(files.Resolve("lib/none"));
    }

    // ---- what can be run ----

    /// <summary>A program may name what it likes as its dynamic linker; what never ends, or waits for somebody, is no library.</summary>
    [Fact]
    public async System.Threading.Tasks.Task A_program_does_not_have_its_user_wait_for_a_pipe_or_a_device()
    {
        Shell("mkfifo", [At("pipe")]);
        var added = System.Threading.Tasks.Task.Run(() =>
            OwnLibraries.AddTo(new GuestFiles(), new ElfFile(At("pipe"), [], false)).Concat(OwnLibraries.AddTo(new GuestFiles(), new ElfFile("/dev/zero", [], false))));
        Assert.Empty(await added.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    /// <summary>Tables that are named a thousand times are read once.</summary>
    [Fact]
    public void A_program_that_names_its_tables_without_end_is_refused()
    {
        const int Entries = 60_000;
        var elf = new byte[64 + 56 * 2 + 16 * (Entries + 1)];
        "\x7f"u8.CopyTo(elf);
        "ELF"u8.CopyTo(elf.AsSpan(1));
        (elf[4], elf[5], elf[16], elf[18], elf[32], elf[54], elf[56]) = (2, 1, 2, 62, 64, 56, 2);
        foreach (var (at, kind) in ((int, byte)[])[(64, 1), (64 + 56, 2)])
        {
            elf[at] = kind;
            BitConverter.TryWriteBytes(elf.AsSpan(at + 8), kind == 1 ? 0L : 64 + 56 * 2);
            BitConverter.TryWriteBytes(elf.AsSpan(at + 32), kind == 1 ? (long)elf.Length : 16 * (Entries + 1));
        }
        for (var i = 0; i <= Entries; i++)
            elf[64 + 56 * 2 + 16 * i] = (byte)(i < Entries ? 1 : 5);
        var clock = Stopwatch.StartNew();
        Assert.Contains("damaged", Assert.Throws<Failure>(() => ElfFile.Read("x", elf)).Message, StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 5);
    }

    [Fact]
    public void A_program_that_cannot_run_is_refused_with_what_it_lacks()
    {
        File.WriteAllText(At("a.c"), "#include <math.h>\nint main(int c, char **v) { return (int)cos(c); }\n");
        Shell("gcc", ["-o", At("a"), At("a.c"), "-Wl,--no-as-needed", "-lm"]);
        var files = new GuestFiles();
        files.AddFile("bin/a", File.ReadAllBytes(At("a")), 0x1ED);
        files.AddFile("bin/text", "hello"u8.ToArray(), 0x1A4);
        files.AddFile("bin/script", "#!/bin/lua -x\n"u8.ToArray(), 0x1ED);
        Lacks("/bin/a", "needs /lib64/ld-linux-x86-64.so.2, libc.so.6, libm.so.6, which the folder or archive does not have");
        Lacks("a", "needs /lib64/ld-linux-x86-64.so.2"); // found as PATH says
        Lacks("/bin/text", "«chmod +x» permits it");
        Lacks("/bin/script", "a script for «/bin/lua»");
        Lacks("/bin", "is a folder");
        Lacks("/bin/b", "there is no «/bin/b» in these files");
        Assert.Contains("link it statically", Assert.Throws<Failure>(() => ProgramCheck.Demand(files, "/bin/a", isAlone: true)).Message,
            StringComparison.Ordinal);
        foreach (var library in (string[])["libc.so.6", "libm.so.6"])
            files.AddFile($"usr/lib/x86_64-linux-gnu/{library}", File.ReadAllBytes(Shell("gcc", ["-print-file-name=" + library]).Trim()), 0x1ED);
        Lacks("/bin/a", "needs /lib64/ld-linux-x86-64.so.2, which");
        files.AddFile("lib64/ld-linux-x86-64.so.2", [], 0x1ED);
        Assert.Equal("/bin/a", ProgramCheck.Demand(files, "a", isAlone: false));

        // A program alone takes along what it needs of this machine, each once, and what is not here is named.
        var alone = new GuestFiles();
        alone.AddFile("app/a", File.ReadAllBytes(At("a")), 0x1ED);
        Assert.Equal(["ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6"],
            OwnLibraries.AddTo(alone, ElfFile.Read("a", File.ReadAllBytes(At("a")))).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Empty(OwnLibraries.AddTo(alone, ElfFile.Read("a", File.ReadAllBytes(At("a")))));
        Assert.Equal("/app/a", ProgramCheck.Demand(alone, "/app/a", isAlone: true));
        Shell("gcc", ["-shared", "-Wl,-soname,libnowhere.so", "-o", At("libnowhere.so"), "-x", "c", "/dev/null"]);
        Shell("gcc", ["-o", At("needy"), At("a.c"), "-Wl,--no-as-needed", At("libnowhere.so"), "-lm"]);
        alone.AddFile("app/needy", File.ReadAllBytes(At("needy")), 0x1ED);
        OwnLibraries.AddTo(alone, ElfFile.Read("needy", File.ReadAllBytes(At("needy"))));
        Assert.Matches("needy is linked dynamically, and needs .*libnowhere.so, which this machine does not have",
            Assert.Throws<Failure>(() => ProgramCheck.Demand(alone, "/app/needy", isAlone: true)).Message);

        void Lacks(string word, string sentence) => Assert.Contains(sentence,
            Assert.Throws<Failure>(() => ProgramCheck.Demand(files, word, isAlone: false)).Message, StringComparison.Ordinal);
    }

    // ---- what the guest's first program does ----

    /// <summary>The script itself, by this machine's shell, with stand-ins for what only a guest has.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(137)]
    public void The_first_program_passes_every_word_on_and_tells_how_the_job_ended(int code)
    {
        string[] words = ["/bin/sh", "-c", $"printf '<%s>' \"$A\" \"$@\"; cat; exit {code}", "it's", "a b", "$HOME", "`x`", "\"", "\\", "", "ü", "*"];
        var job = new Job(words) { Environment = ["A=1 '2' $3"], Folder = folder.FullName };
        foreach (var (name, does) in ((string, string)[])[("box", "[ \"$1\" = sh ] || exit 0"), ("migrate", "[ \"$1\" = --job ] || exit 0; shift 3")])
        {
            File.WriteAllText(At(name), $"#!/bin/sh\n{does}\nexec \"$@\"\n");
            File.SetUnixFileMode(At(name), (UnixFileMode)0b111_101_101);
        }
        var script = job.Script();
        foreach (var (path, name) in ((string, string)[])[("busybox", "box"), ("migrate", "migrate"), ("job", "job"), ("code", "code")])
            script = script.Replace($"/.evilman/{path}", At(name), StringComparison.Ordinal);
        File.WriteAllText(At("job"), job.Program());
        var said = Shell("sh", ["-c", script]);
        Assert.Equal($"{code}\n", File.ReadAllText(At("code")));
        Assert.StartsWith("<1 '2' $3>" + string.Concat(words.Skip(4).Select(word => $"<{word}>")),
            said, StringComparison.Ordinal);
        Assert.Equal(code, Job.EndIn(said[said.IndexOf(Job.EndMark, StringComparison.Ordinal)..].Trim()));
    }

    /// <summary>
    /// What asks a program to end, by this machine's busybox: the program alone gets SIGTERM, is not started again, and its exit code is told.
    /// </summary>
    [Theory]
    [InlineData("never", 3)]
    [InlineData("always", 3)]
    [InlineData("on-failure", 3)]
    public void A_program_that_is_asked_to_end_gets_SIGTERM_and_is_not_started_again(string restart, int code)
    {
        const string Box = "/bin/busybox";
        var program = $"echo begun >>{At("begun")}; trap 'exit {code}' TERM; sleep 0.2 & child=$!; while :; do {Box} sleep 0.05; done";
        var job = new Job([Box, "sh", "-c", program])
        {
            Restart = restart switch { "always" => RestartPolicy.Always, "on-failure" => RestartPolicy.OnFailure, _ => RestartPolicy.Never },
        };
        File.WriteAllText(At("job"), Placed(job.Program()));
        using var runs = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"{Box} sh {At("job")} >{At("said")}; echo $? >{At("code")}"]))!;
        Wait.Until(() => File.Exists(At("begun")), () => "it has not begun");
        var stop = Job.Stop.Select(Placed).ToArray();
        Assert.Equal($"{code}\n", Shell(stop[0], stop[1..]));
        runs.WaitForExit();
        Assert.Equal("begun\n", File.ReadAllText(At("begun")));
        Assert.Equal(code, Job.EndIn(File.ReadAllText(At("said")).Trim()));
        Assert.Equal($"{code}\n", Shell(stop[0], stop[1..])); // it has ended already

        string Placed(string text)
        {
            foreach (var name in (string[])["job", "code", "stopping"])
                text = text.Replace($"/.evilman/{name}", At(name), StringComparison.Ordinal);
            return text.Replace("/.evilman/busybox", Box, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("8080", 8080, 8080)]
    [InlineData("8000:80", 8000, 80)]
    [InlineData("1:65535", 1, 65535)]
    public void Ports_are_one_number_or_two(string text, int here, int guest)
    {
        Assert.True(PortPair.TryParse(text, out var pair));
        Assert.Equal(new PortPair(here, guest), pair);
        Assert.True(PortPair.TryParse($"{pair}", out var again) && again == pair);
        foreach (var wrong in (string[])["", "0", "65536", ":80", "80:", "1:2:3", "-1", "+1", " 80", "http"])
            Assert.False(PortPair.TryParse(wrong, out _), wrong);
    }

    /// <summary>What is handed on is the socket itself: a connection made before is accepted by who takes over.</summary>
    [Fact]
    public void Ports_that_are_listened_on_are_taken_over_and_one_that_is_taken_leaves_none()
    {
        using var taken = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Stream,
            System.Net.Sockets.ProtocolType.Tcp);
        taken.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        taken.Listen();
        var port = ((System.Net.IPEndPoint)taken.LocalEndPoint!).Port;
        using var free = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        free.Start();
        var here = ((System.Net.IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        Assert.Contains("Address already in use; «ANOTHER:80»",
            Assert.Throws<Failure>(() => new LocalPorts([new(here, 9), new(port, 80)])).Message, StringComparison.Ordinal);
        using var ports = new LocalPorts([new(here, 9)]);
        ports.Lead(pair =>
        {
            Assert.Equal(9, pair.Guest);
            var far = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Stream,
                System.Net.Sockets.ProtocolType.Tcp);
            far.Connect(taken.LocalEndPoint!);
            return far;
        });
        using var client = new System.Net.Sockets.TcpClient("127.0.0.1", here);
        using var server = taken.Accept();
        client.Client.Send("hello"u8);
        var bytes = new byte[5];
        Assert.Equal(5, server.Receive(bytes));
        server.Send(bytes);
        Assert.Equal(5, client.Client.Receive(bytes));
    }

    [Fact]
    public void A_console_is_read_on_line_by_line_also_when_its_file_was_begun_anew()
    {
        var (file, console) = (At("console"), new ConsoleFollower(At("console")));
        Assert.Empty(console.Read());
        File.WriteAllText(file, "one\r\ntw");
        Assert.Equal(["one"], console.Read());
        File.AppendAllText(file, "o\nthree\nfo");
        Assert.Equal(["two", "three"], console.Read());
        File.AppendAllText(file, "ur\n");
        File.Copy(file, file + ".1");
        File.WriteAllText(file, "five\n");
        Assert.Equal(["four", "five"], console.Read());
    }

    // ---- the command ----

    [Theory]
    [InlineData("run")]
    [InlineData("run", "x", "--port", "0")]
    [InlineData("run", "x", "--port", "1:2:3")]
    [InlineData("run", "x", "--port", "65536")]
    [InlineData("run", "x", "--env", "A")]
    [InlineData("run", "x", "--env", "1A=2")]
    [InlineData("run", "x", "--restart", "often")]
    [InlineData("run", "x", "--memory", "much")]
    public void What_makes_no_sense_is_refused(params string[] line) => Assert.NotEmpty(Program.Parse(line).Errors);

    static string Shell(string program, IEnumerable<string> words)
    {
        var start = new ProcessStartInfo(program, words) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(program is "diff" or "sh" || process.ExitCode == 0, $"{program}: {output}{error.Result}");
        return output + error.Result;
    }
}
