using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Testing;
using Xunit;

namespace Audit.Tests;

/// <summary>The layout rule of freestanding code (docs/contributing.md), and the list of folders that still break it.</summary>
public class LayoutTests
{
    [Fact]
    public void Each_folder_breaks_the_rule_in_as_many_places_as_the_list_says()
    {
        IReadOnlyList<Violation> violations = Layout.CheckTree(Repository.Root);
        string[] differences = [.. LayoutAllowance.Differences(LayoutAllowance.Load(Repository.Root), LayoutAllowance.Of(violations))];
        Assert.True(differences.Length == 0, string.Join('\n', differences) + "\n`make layout` lists the places.");
    }

    [Fact]
    public void The_trusted_base_and_what_is_compiled_into_it_break_it_nowhere() =>
        Assert.DoesNotContain(LayoutAllowance.Load(Repository.Root).Keys, folder => folder.Split('/')[0] is "packetd" or "launcher" or "plug" or "corelib" or "wire");

    /// <summary>A line is too long in the folder of each project of the tree, and each that is freestanding is told.</summary>
    [Fact]
    public void All_freestanding_folders_are_looked_at()
    {
        string copy = Directory.CreateTempSubdirectory("layout").FullName;
        try
        {
            string tooLong = "//" + new string(' ', Layout.MaxColumns);
            foreach (string project in Directory.GetDirectories(Repository.Root).Where(path => Path.GetFileName(path) != "out")
                .SelectMany(path => Directory.GetFiles(path, "*.csproj", SearchOption.AllDirectories)))
            {
                string folder = Path.Combine(copy, Path.GetRelativePath(Repository.Root, Path.GetDirectoryName(project)!));
                Directory.CreateDirectory(folder);
                File.Copy(project, Path.Combine(folder, Path.GetFileName(project)));
                File.WriteAllText(Path.Combine(folder, "Long.cs"), tooLong);
                File.WriteAllText(Path.Combine(folder, "Long.Hosted.cs"), tooLong);
            }
            // A layer without a project of its own.
            Directory.CreateDirectory(Path.Combine(copy, "board"));
            File.WriteAllText(Path.Combine(copy, "board/Long.cs"), tooLong);
            string[] files = [.. Layout.CheckTree(copy).Select(violation => violation.File!)];
            Assert.All(files, file => Assert.EndsWith("/Long.cs", file, StringComparison.Ordinal));
            HashSet<string> folders = [.. files.Select(file => file.Split('/')[0])];
            Assert.Superset(new HashSet<string> { "board", "corelib", "cstrap", "guestos", "launcher", "loader", "netstack", "packetd", "plug", "wire" }, folders);
            Assert.DoesNotContain(folders, folder => folder is "tests" or "bench" or "domain" or "evilman");
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    [Theory]
    [InlineData("columns", "// 120 columns                                                                                                          x")]
    [InlineData("statements", "a = 1; b = 2;")]
    [InlineData("statements", "if (a) return;")]
    [InlineData("statements", "for (int i = 0; i < a; i++) b += i;")]
    [InlineData("declarations", "int c = 1, d = 2;")]
    [InlineData("declarations", "const int C = 1, D = 2;")]
    [InlineData("conditionals", "a = b ? c : d ? e : f;")]
    [InlineData("conditionals", "F(b ? 1 : 2, c ? 3 : 4);")]
    [InlineData("effects", "a[i++] = 1;")]
    [InlineData("effects", "while ((a = F()) > 0) { }")]
    [InlineData("effects", "a = b = c;")]
    [InlineData("effects", "return i++;")]
    [InlineData("effects", "(c ? ref a : ref b)++;")]
    [InlineData("effects", "(c ? ref a : ref b) = 1;")]
    public void A_breach_is_told_by_rule_and_line(string rule, string body)
    {
        Violation violation = Assert.Single(Layout.Check("a/b.cs", Method(body)));
        Assert.Equal((rule, "a/b.cs", 5), (violation.Rule, violation.File, violation.Line));
    }

    [Theory]
    [InlineData("// 119 columns                                                                                                       x")]
    [InlineData("for (int i = 0, j = 1; i < j; i++, j--)\n    F(i);")]
    [InlineData("if (a)\n    b = 1;\nelse if (c)\n    b = 2;\nelse\n    b = 3;")]
    [InlineData("i++;\ni += 1;\n--i;")]
    [InlineData("int c = 1;\nint d = a ? c : b;")]
    [InlineData("int c = 1,\n    d = 2;")]
    [InlineData("again:\ngoto again;")]
    [InlineData("a = b switch\n{\n    1 => c ? 1 : 2,\n    _ => d ? 3 : 4,\n};")]
    [InlineData("a = new() { B = 1, C = 2 };")]
    [InlineData("switch (a)\n{\n    case 1: return;\n}")]
    [InlineData("unsafe\n{\n    F(out int x, out int y);\n}")]
    public void What_keeps_the_rule_is_not_told(string body) => Assert.Empty(Layout.Check("a/b.cs", Method(body)));

    private static string Method(string body) => $"class A\n{{\n    void M()\n    {{\n{body}\n    }}\n}}\n";

    [Theory]
    [InlineData("class A { int b; int c; }")]
    [InlineData("enum A { B, C }")]
    [InlineData("class A { void B(); void C(); }")]
    public void Members_have_a_line_each(string text) =>
        Assert.Equal("declarations", Assert.Single(Layout.Check("a/b.cs", "\n" + text.Replace("{ ", "{\n"))).Rule);

    [Fact]
    public void A_property_with_its_accessors_is_one_declaration() =>
        Assert.Empty(Layout.Check("a/b.cs", "class A\n{\n    int B { get; set; }\n    int C { get => d; set => d = value; }\n}\n"));

    [Fact]
    public void Columns_of_assembly_are_counted_with_its_tabs()
    {
        Assert.Empty(Layout.Check("a/b.S", "\t" + new string('x', 112)));
        Assert.Single(Layout.Check("a/b.S", "x\t" + new string('x', 113)));
    }

    [Fact]
    public void The_list_is_only_lowered_as_a_whole_and_says_what_differs()
    {
        string root = Directory.CreateTempSubdirectory("layout").FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(root, "audit"));
            File.WriteAllText(Path.Combine(root, "audit/layout.json"), """{ "a": 3, "b": 2 }""");
            Assert.Equal(["a breaks the layout rule in 4 places, 3 are allowed.", "b breaks the layout rule in 1 places and no more: `make layout` lowers its number in audit/layout.json, 2."],
                LayoutAllowance.Differences(LayoutAllowance.Load(root), new Dictionary<string, int> { ["a"] = 4, ["b"] = 1 }));
            Assert.False(LayoutAllowance.TryLower(root, new() { ["a"] = 3, ["b"] = 2, ["c"] = 1 }));
            Assert.True(LayoutAllowance.TryLower(root, new() { ["a"] = 1, ["c"] = 4 }));
            Assert.Equal(new SortedDictionary<string, int> { ["a"] = 1, ["c"] = 4 }, LayoutAllowance.Load(root));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
