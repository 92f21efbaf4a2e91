using System;
using System.Runtime.ExceptionServices;
using System.Threading;
using Xunit;

namespace Guestos.Tests;

/// <summary>Walks that sleep in the middle, in the directory /slow, while others walk and change names.</summary>
public sealed unsafe class WalkTests : IDisposable
{
    private static InodeOperations s_slow;

    /// <summary>What happens while a walk sleeps in /slow; taken by the first that does.</summary>
    private static Action? s_meanwhile;

    public WalkTests()
    {
        Guest.Start();
        Guest.Mkdir("/slow");
        s_slow = *MemoryFileSystem.Operations;
        s_slow.Lookup = &SlowLookup;
        Inode* directory = Find("/slow");
        directory->Operations = InodeOperations.At(ref s_slow);
        Vfs.Release(directory);
    }

    public void Dispose()
    {
        s_meanwhile = null;
        Guest.Stop();
    }

    private static Inode* Find(string path)
    {
        Assert.Equal(0, Vfs.Lookup((byte*)Guest.Text(path), out Place place));
        Mounts.Release(place.Mount);
        return place.Inode;
    }

    private static Inode* SlowLookup(Inode* directory, byte* name, int length)
    {
        Action? meanwhile = s_meanwhile;
        s_meanwhile = null;
        meanwhile?.Invoke();
        DirectoryEntry* entry = Directories.Find(directory, name, length);
        return entry != null ? Vfs.Hold(entry->Inode) : null;
    }

    /// <summary>Two processes of which one runs at a time: each goes on where it was when the other sleeps or has ended.</summary>
    private static void InTurns(Action first, Action second)
    {
        using var turnOfFirst = new SemaphoreSlim(0);
        using var turnOfSecond = new SemaphoreSlim(0);
        ExceptionDispatchInfo? failure = null;
        s_meanwhile = () => Give(turnOfSecond, turnOfFirst);
        var other = new System.Threading.Thread(() =>
        {
            turnOfSecond.Wait();
            s_meanwhile = () => Give(turnOfFirst, turnOfSecond);
            failure = Attempt(second);
            turnOfFirst.Release();
        });
        other.Start();
        ExceptionDispatchInfo? own = Attempt(first);
        turnOfSecond.Release();
        other.Join();
        own?.Throw();
        failure?.Throw();
    }

    private static void Give(SemaphoreSlim to, SemaphoreSlim own)
    {
        to.Release();
        Assert.True(own.Wait(TimeSpan.FromSeconds(60)));
    }

    private static ExceptionDispatchInfo? Attempt(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception exception)
        {
            return ExceptionDispatchInfo.Capture(exception);
        }
    }

    [Fact]
    public void Two_walks_at_once_each_follow_their_own_links()
    {
        Guest.Mkdir("/slow/one");
        Guest.Mkdir("/slow/two");
        Guest.Put("/slow/one/file", "first");
        Guest.Put("/slow/two/other", "second");
        Guest.Symlink("/slow/one", "/to-one");
        Guest.Symlink("slow/./two/../two", "/to-two");
        string first = "", second = "";
        InTurns(() => first = Guest.Get("/to-one/file"), () => second = Guest.Get("/to-two/other"));
        Assert.Equal(("first", "second"), (first, second));
    }

    [Fact]
    public void Two_links_made_at_once_say_what_each_shall()
    {
        InTurns(() => Assert.Equal(0, Guest.Symlink("/what/the/first/says", "/slow/a")),
            () => Assert.Equal(0, Guest.Symlink("/what/the/second/says", "/slow/b")));
        Assert.Equal("/what/the/first/says", Guest.LinkText("/slow/a"));
        Assert.Equal("/what/the/second/says", Guest.LinkText("/slow/b"));
    }

    [Fact]
    public void A_name_that_goes_while_its_new_one_is_looked_for_is_not_there()
    {
        Guest.Put("/f", "x");
        s_meanwhile = () => FileCalls.Unlink(Guest.Text("/f"));
        Assert.Equal(Errno.ENOENT, FileCalls.Rename(Guest.Text("/f"), Guest.Text("/slow/g")));
    }

    [Fact]
    public void A_name_that_means_something_else_by_then_moves_as_what_it_is()
    {
        Guest.Put("/f", "old");
        s_meanwhile = () =>
        {
            FileCalls.Unlink(Guest.Text("/f"));
            Guest.Put("/f", "new");
        };
        Assert.Equal(0, FileCalls.Rename(Guest.Text("/f"), Guest.Text("/slow/g")));
        Assert.Equal("new", Guest.Get("/slow/g"));
        Assert.Equal(Errno.ENOENT, Guest.Stat("/f", out _));
    }

    [Fact]
    public void A_directory_that_goes_while_a_walk_is_in_it_takes_no_names()
    {
        s_meanwhile = () => Assert.Equal(0, FileCalls.Rmdir(Guest.Text("/slow")));
        Assert.Equal(Errno.ENOENT, Guest.Mkdir("/slow/e"));
        Assert.Equal(Errno.ENOENT, Guest.Stat("/slow", out _));
    }
}
