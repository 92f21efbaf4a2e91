using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Testing;
using Xunit;

namespace Audit.Tests;

/// <summary>What lists parts of the repository lists all of them: the solution its projects, "make help" its targets; and usings have an order.</summary>
public sealed partial class RepositoryTests
{
    /// <summary>The solution folder of each project, by the first folder of its path.</summary>
    private static readonly Dictionary<string, string> s_rooms = new()
    {
        ["corelib"] = "shared", ["board"] = "shared", ["wire"] = "shared", ["netstack"] = "shared", ["packetd"] = "ring 0", ["launcher"] = "ring 1",
        ["plug"] = "ring 1", ["domain"] = "ring 1", ["cstrap"] = "ring 2", ["loader"] = "ring 2", ["guestos"] = "ring 2", ["tokens"] = "operators", ["evilman"] = "operators", ["tokenbroker"] = "operators",
    };

    [Fact]
    public void The_solution_holds_every_project_in_the_folder_of_its_ring()
    {
        string[] projects = Programs.Run("git", "-C", Repository.Root, "ls-files", "*.csproj").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(projects.Length > 50, $"git knows of {projects.Length} projects");
        Assert.Equal(projects.Select(path => $"{RoomOf(path)}: {path}").Order(), ReadSolution().Order());
    }

    private static string RoomOf(string path)
    {
        if (path.StartsWith("tests/images/", StringComparison.Ordinal))
            return "images";
        string top = path.Split('/')[0];
        return s_rooms.GetValueOrDefault(top, top);
    }

    /// <summary>"folder: path" for each project of the solution.</summary>
    private static IEnumerable<string> ReadSolution()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "Minimal.sln"));
        Dictionary<string, string> names = [], parents = [];
        List<(string Path, string Identity)> projects = [];
        foreach (Match entry in Entry().Matches(text))
        {
            string name = entry.Groups[1].Value, path = entry.Groups[2].Value, identity = entry.Groups[3].Value;
            names.Add(identity, name);
            if (path.EndsWith(".csproj", StringComparison.Ordinal))
                projects.Add((path.Replace('\\', '/'), identity));
        }
        foreach (Match nesting in Nesting().Matches(text))
            parents.Add(nesting.Groups[1].Value, nesting.Groups[2].Value);
        return projects.Select(project => $"{(parents.TryGetValue(project.Identity, out string? parent) ? names[parent] : "no folder")}: {project.Path}");
    }

    /// <summary>Who may compile a file that belongs to another project of tests, benchmarks or the fuzzer, and why it is not in testing/.</summary>
    private static readonly string[] s_sharedSources =
    [
        "tests/Corelib.Tests/Corelib.Tests.csproj: tests/images/Selftest/Checks.cs", // the same checks, with the core library and with .NET
        "tests/Domain.Translator.Tests/Domain.Translator.Tests.csproj: tests/Domain.Cpu.Tests/*.cs", // the same tests, which a runner looks for in each assembly
        "tests/Netstack.Tests/Netstack.Tests.csproj: tests/images/NetstackHost/Request.cs", // an image refers to nothing of .NET, and so not to testing/
    ];

    /// <summary>What two projects need lies in testing/, and is compiled there once.</summary>
    [Fact]
    public void Projects_of_tests_compile_no_sources_of_one_another()
    {
        IEnumerable<string> shared =
            from path in Programs.Run("git", "-C", Repository.Root, "ls-files", "*.csproj").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            from item in XDocument.Load(Path.Combine(Repository.Root, path)).Descendants("Compile")
            from source in ((string?)item.Attribute("Include") ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries)
            let folder = Path.GetDirectoryName(path)!
            let place = Path.GetRelativePath("/", Path.Combine("/", folder, source))
            where place.Split('/')[0] is "tests" or "bench" or "fuzz" && !place.StartsWith(folder + "/", StringComparison.Ordinal)
            select $"{path}: {place}";
        Assert.Equal(s_sharedSources, shared.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Make_help_has_a_line_for_every_target()
    {
        string makefile = File.ReadAllText(Path.Combine(Repository.Root, "Makefile"));
        IEnumerable<string> targets = Phony().Match(makefile).Groups[1].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> lines = Help().Matches(makefile).Select(line => line.Groups[1].Value);
        Assert.NotEmpty(targets);
        Assert.Equal(targets.Order(), lines.Order());
        string help = Programs.Run("make", "-s", "-C", Repository.Root, "help");
        Assert.All(targets, target => Assert.Contains($"\n  {target} ", help, StringComparison.Ordinal));
    }

    /// <summary>The compiler's scripts fail below a folder whose name has a blank, with sentences about something else.</summary>
    [Fact]
    public void A_blank_in_TMPDIR_reaches_no_compiler()
    {
        string blank = Path.Combine(Directory.CreateTempSubdirectory("audit-tests-").FullName, "a b"), setting = $"TMPDIR={blank}";
        Directory.CreateDirectory(blank);
        string[] recipes = [.. Programs.Run("env", setting, "make", "-C", Repository.Root, "-nB", "images", "programs").Split('\n')];
        string[] builds = [.. recipes.Where(line => line.Contains("dotnet build", StringComparison.Ordinal) || line.Contains("dotnet publish", StringComparison.Ordinal))];
        string[] prepared = [.. recipes.Where(line => line.Contains("export TMPDIR=$(mktemp -d ", StringComparison.Ordinal))];
        Assert.True((builds.Length, prepared.Length) == (2, 2), string.Join('\n', recipes));
        Assert.All(prepared, line => Assert.Contains($"\"{Repository.Root}/out/build.XXXXXX\"", line, StringComparison.Ordinal));
        Assert.DoesNotContain(recipes, line => line.Contains("a b", StringComparison.Ordinal));
        // Who builds without make is told why it cannot be.
        using Process build = Process.Start(new ProcessStartInfo("env", [setting, "dotnet", "msbuild", "-nologo", "packetd/packetd.csproj", "-t:RefuseBlankInTemporaryFolder"])
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
        })!;
        Assert.Contains("has a blank in its name", build.StandardOutput.ReadToEnd(), StringComparison.Ordinal);
        build.WaitForExit();
        Assert.NotEqual(0, build.ExitCode);
        Directory.Delete(Path.GetDirectoryName(blank)!, recursive: true);
    }

    /// <summary>System's first, then by name; static ones behind those of namespaces, aliases last.</summary>
    [Fact]
    public void Usings_stand_in_order()
    {
        string[] sources = Programs.Run("git", "-C", Repository.Root, "ls-files", "*.cs").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.DoesNotContain(sources.Select(path => Path.Combine(Repository.Root, path)).Where(File.Exists), path => !HasOrder(path));
    }

    private static bool HasOrder(string path)
    {
        (int Kind, bool IsOther, string Name)[] usings =
        [
            .. from line in File.ReadLines(path).TakeWhile(line => !line.StartsWith("namespace ", StringComparison.Ordinal))
               let match = Using().Match(line)
               where match.Success
               let name = match.Groups[2].Value
               let kind = match.Groups[3].Success ? 2 : match.Groups[1].Success ? 1 : 0
               select (kind, name != "System" && !name.StartsWith("System.", StringComparison.Ordinal), name.ToLowerInvariant()),
        ];
        return usings.SequenceEqual(usings.OrderBy(one => one.Kind).ThenBy(one => one.IsOther).ThenBy(one => one.Name, StringComparer.Ordinal));
    }

    [GeneratedRegex(@"^using (static )?([\w.]+)( = [^;]+)?;")]
    private static partial Regex Using();

    [GeneratedRegex("""^Project\("\{[^"]*"\) = "([^"]*)", "([^"]*)", "\{([^}]*)\}"$""", RegexOptions.Multiline)]
    private static partial Regex Entry();

    [GeneratedRegex(@"^\t\t\{([0-9A-F-]{36})\} = \{([0-9A-F-]{36})\}$", RegexOptions.Multiline)]
    private static partial Regex Nesting();

    [GeneratedRegex("^\\.PHONY:(.*)$", RegexOptions.Multiline)]
    private static partial Regex Phony();

    [GeneratedRegex("^## ([a-z0-9-]+): ", RegexOptions.Multiline)]
    private static partial Regex Help();
}
