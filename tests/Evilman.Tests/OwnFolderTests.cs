using System;
using System.IO;
using Evilman.Lab;
using Xunit;

namespace Evilman.Tests;

/// <summary>What lies in a folder is believed only when nobody else can have put it there, or the folder itself, or what it lies in.</summary>
public sealed class OwnFolderTests : IDisposable
{
    const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    const UnixFileMode Everybodys = Mine | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("evilman-folders-");

    public void Dispose() => folder.Delete(recursive: true);

    string Make(string name, UnixFileMode mode)
    {
        var path = Path.Combine(folder.FullName, name);
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, mode); // whatever the umask is
        return path;
    }

    [Fact]
    public void A_folder_of_ones_own_in_others_of_ones_own_is_believed()
    {
        Make("a", Mine);
        OwnFolder.Demand(Make("a/b", Mine));
        // As the shared temporary folder is.
        Make("sticky", Everybodys | UnixFileMode.StickyBit);
        Make("sticky/a", Mine);
        OwnFolder.Demand(Make("sticky/a/b", Mine));
        Directory.CreateSymbolicLink(Path.Combine(folder.FullName, "link"), "sticky/../a");
        OwnFolder.Demand(Path.Combine(folder.FullName, "link/b"));
    }

    [Theory]
    [InlineData("open/a")]
    [InlineData("open/a/b")]
    [InlineData("link/b")]
    [InlineData("open/link/b")]
    public void A_folder_that_somebody_else_can_put_there_is_not(string path)
    {
        Make("open", Everybodys);
        Make("open/a", Mine);
        Make("open/a/b", Mine);
        Make("c", Mine);
        Make("c/b", Mine);
        // Through a folder that everybody may write in, on the way there or on the way that a link shows.
        Directory.CreateSymbolicLink(Path.Combine(folder.FullName, "link"), Path.Combine(folder.FullName, "open/a"));
        Directory.CreateSymbolicLink(Path.Combine(folder.FullName, "open/link"), "../c");
        var failure = Assert.Throws<Failure>(() => OwnFolder.Demand(Path.Combine(folder.FullName, path)));
        Assert.Contains($"{folder.FullName}/open lets other users replace", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_or_a_folder_that_others_write_is_not()
    {
        Make("a", Mine);
        Directory.CreateSymbolicLink(Path.Combine(folder.FullName, "link"), "a");
        foreach (var path in (string[])[Path.Combine(folder.FullName, "link"), Make("b", Everybodys), Path.Combine(folder.FullName, "none")])
            Assert.Contains("is not a folder that only this user can write", Assert.Throws<Failure>(() => OwnFolder.Demand(path)).Message, StringComparison.Ordinal);
    }

    /// <summary>Links that lead to each other.</summary>
    [Fact]
    public void The_way_there_ends()
    {
        Directory.CreateSymbolicLink(Path.Combine(folder.FullName, "one"), "two");
        Directory.CreateSymbolicLink(Path.Combine(folder.FullName, "two"), "one");
        Assert.Throws<Failure>(() => OwnFolder.Demand(Path.Combine(folder.FullName, "one/a")));
    }
}
