using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Testing;
using Xunit;

namespace Audit.Tests.Layers;

/// <summary>The map at the head of docs/architecture.md is what the sources are.</summary>
public sealed class LayerTests
{
    /// <summary>
    /// What the map does not allow and is still there. An edge that is gone is taken out of here, and none is added.
    /// </summary>
    private static readonly string[] s_known = [];

    private static Map ReadMap() => Map.Read(File.ReadAllText(Path.Combine(Repository.Root, "docs/architecture.md")));

    [Fact]
    public void Every_folder_of_sources_has_a_row_and_every_row_a_folder()
    {
        Map map = ReadMap();
        Assert.Equal([], map.Folders.Where(folder => !Directory.Exists(Path.Combine(Repository.Root, folder))));
        Assert.Equal([], Project.Files(Repository.Root, "", "*").Where(file => Path.GetExtension(file) is ".cs" or ".S" && map.FolderOf(file) == null));
        IEnumerable<string> folders = Directory.GetDirectories(Repository.Root).Select(folder => Path.GetFileName(folder))
            .Where(folder => !folder.StartsWith('.') && folder is not ("out" or "dist"));
        Assert.Equal([], folders.Where(folder => !map.Folders.Any(row => row == folder || row.StartsWith(folder + "/", StringComparison.Ordinal))));
    }

    [Fact]
    public void No_folder_names_a_type_of_one_that_it_may_not_use()
    {
        ForbiddenReference[] found = [.. Forbidden(Repository.Root, ReadMap())];
        string[] unknown = [.. found.Where(reference => !s_known.Contains(reference.Edge)).Select(reference => reference.ToString())];
        string[] gone = [.. s_known.Except(found.Select(reference => reference.Edge)).Select(edge => $"no longer there, and still in the list: {edge}")];
        Assert.True(unknown.Length + gone.Length == 0, string.Join('\n', unknown.Concat(gone)));
    }

    private static IEnumerable<ForbiddenReference> Forbidden(string root, Map map) =>
        References.Forbidden(Project.ReadAll(root, file => map.FolderOf(file) is not string folder || !map.AllowsAll(folder)), map);

    /// <summary>A repository of two layers, in every way in which the lower could name a type of the upper.</summary>
    [Fact]
    public void A_name_of_a_layer_above_is_found_with_its_place()
    {
        string root = Directory.CreateTempSubdirectory().FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(root, "lower"));
            Directory.CreateDirectory(Path.Combine(root, "upper"));
            File.WriteAllText(Path.Combine(root, "House.csproj"), "<Project Sdk=\"Microsoft.NET.Sdk\" />");
            File.WriteAllText(Path.Combine(root, "upper/Upper.cs"), """
                namespace House;
                public class Roof { public static Roof Tile; public class Gutter { } }
                public enum Slope { Steep }
                public sealed class MarkAttribute : System.Attribute { }
                public static class Chimney { public static int Draw(this int smoke) => smoke; }
                """);
            File.WriteAllText(Path.Combine(root, "lower/Lower.cs"), """
                using Alias = House.Roof.Gutter;
                namespace House;
                public class Cellar
                {
                    /// <summary>Below a <see cref="Roof"/>, which is no code.</summary>
                    private System.Collections.Generic.List<Roof> _above;
                    private static object Build() => Roof.Tile;
                    private static object Slide() => House.Slope.Steep;
                    [Mark] private int _roof;
                    private static int Depth(int Slope, string mark) => Slope;
                    private static int Draught() => 1.Draw();
                }
                """);
            Map map = Map.Read("| folder | what | may use |\n| --- | --- | --- |\n| `lower` | | |\n| `upper` | | `lower` |\n");
            Assert.Equal(["1 Gutter", "1 Roof", "11 Chimney", "6 Roof", "7 Roof", "8 Slope", "9 MarkAttribute"],
                Forbidden(root, map).Select(reference => $"{reference.Line} {reference.Type}").Order());
        }
        finally
        {
            Directory.Delete(root, true);
        }
    }

    /// <summary>Both ways: a call that the page does not allow, and one that it allows and nobody makes.</summary>
    [Fact]
    public void Assembly_calls_upward_only_what_the_page_names()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs/architecture.md"));
        Assert.Equal(UpwardCalls.Allowed(page).Order(), UpwardCalls.Find(Repository.Root, Map.Read(page)));
    }

    [Theory]
    [InlineData("| `a` | | `b` |")]
    [InlineData("| `a` | | |\n| `a` | | |")]
    [InlineData("| a | | |")]
    [InlineData("")]
    public void A_map_that_contradicts_itself_is_no_map(string rows) =>
        Assert.Throws<InvalidDataException>(() => Map.Read("| folder | what | may use |\n| --- | --- | --- |\n" + rows));

    [Fact]
    public void A_row_holds_for_what_lies_below_unless_something_below_has_a_row()
    {
        Map map = Map.Read("| folder | what | may use |\n| --- | --- | --- |\n| `a` | | `b` |\n| `b` | | |\n| `b/c` | | everything |\n| `d/e` | | |\n| `f` | | `d` |\n");
        Assert.Equal("a", map.FolderOf("a/deep/File.cs"));
        Assert.Equal("b", map.FolderOf("b/File.cs"));
        Assert.Equal("b/c", map.FolderOf("b/c/File.cs"));
        Assert.Null(map.FolderOf("b/other/File.cs"));
        Assert.True(map.Allows("a", "b"));
        Assert.False(map.Allows("a", "b/c"));
        Assert.True(map.Allows("f", "d/e"));
        Assert.True(map.Allows("b/c", "a"));
        Assert.False(map.Allows("b", "a"));
    }
}
