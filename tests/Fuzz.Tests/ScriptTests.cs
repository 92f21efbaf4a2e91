using System;
using System.Diagnostics;
using System.IO;
using Testing;
using Xunit;

namespace Fuzz.Tests;

/// <summary>fuzz/run with stand-ins for what it builds with and for the fuzzer, which finds one new script.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class ScriptTests
{
    private const string Fuzzer = """
        #!/bin/sh
        case "$1 $2" in
            *"Fuzz.dll run") echo new >"$4/found" && echo "fuzz: executions=7" ;;
            *"Fuzz.dll edges") echo "edges=1" ;;
            "test "*)
                while [ "$1" != --results-directory ]; do shift; done
                mkdir -p "$2"
                echo '<coverage lines-covered="1" lines-valid="1" branches-covered="1" branches-valid="1">' \
                    >"$2/coverage.cobertura.xml" ;;
        esac

        """;

    private const string Find = """
        #!/bin/sh
        case "$*" in
            *libclang_rt*) echo /nowhere/libfuzzer.a ;;
            *) exec /usr/bin/find "$@" ;;
        esac

        """;

    /// <summary>Who looks for faults wants to know of them, and not to find the work tree changed.</summary>
    [Theory]
    [InlineData("", "")]
    [InlineData("0", "")]
    [InlineData("1", "?? fuzz/corpus/found\n")]
    public void Only_who_asks_for_it_gets_what_is_new_into_the_work_tree(string keep, string changes)
    {
        string folder = Directory.CreateTempSubdirectory("fuzz-tests-").FullName;
        string tree = Path.Combine(folder, "tree"), tools = Path.Combine(folder, "tools");
        Directory.CreateDirectory(Path.Combine(tree, "fuzz/corpus"));
        File.WriteAllText(Path.Combine(tree, "fuzz/corpus/seed"), "seed");
        foreach (string file in (string[])["fuzz/run", ".gitignore"])
            File.Copy(Path.Combine(Repository.Root, file), Path.Combine(tree, file));
        Directory.CreateDirectory(tools);
        Put("dotnet", Fuzzer);
        Put("find", Find);
        Put("g++", "#!/bin/sh\n");
        Git("init", "-q");
        Git("add", ".");
        Git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "all");

        var start = new ProcessStartInfo("bash", [Path.Combine(tree, "fuzz/run"), "1"]) { RedirectStandardOutput = true };
        start.Environment["PATH"] = $"{tools}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["KEEP"] = keep;
        using (Process run = Process.Start(start)!)
        {
            string said = run.StandardOutput.ReadToEnd();
            run.WaitForExit();
            Assert.True(run.ExitCode == 0, said);
            Assert.Contains("fuzz: ok executions=7 edges=1 ", said, StringComparison.Ordinal);
        }
        Assert.Equal("new\n", File.ReadAllText(Path.Combine(tree, "out/fuzz/corpus/found")));
        Assert.Equal(changes, Git("status", "--porcelain"));
        Directory.Delete(folder, recursive: true);

        void Put(string name, string script)
        {
            File.WriteAllText(Path.Combine(tools, name), script);
            File.SetUnixFileMode(Path.Combine(tools, name),
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        string Git(params string[] words) => Programs.Run("git", ["-C", tree, .. words]);
    }
}
