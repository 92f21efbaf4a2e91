using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;
using Evilman.Demo;
using Evilman.Minting;
using Wire;
using Xunit;

namespace Evilman.Tests;

/// <summary>A boot that is killed in the instant after its guest runs leaves the guest's key beside the file: move finds it.</summary>
public sealed class GuestKeyFileTests : IDisposable
{
    static readonly IPAddress s_guest = IPAddress.Parse("127.0.0.117");
    static readonly byte[] s_former = Key(1), s_latter = Key(2);

    readonly DirectoryInfo folder = Directory.CreateTempSubdirectory();

    string File => Path.Combine(folder.FullName, "10.0.0.50.guest-key");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task The_key_that_the_guest_obeys_takes_the_place_of_the_one_before()
    {
        Leave(s_former, s_latter);
        Assert.Equal(s_latter, await ReadWith(s_latter));
        Assert.Equal(s_latter, MachineKeyFile.Read(File));
        Assert.False(Path.Exists(File + ".new"));
    }

    [Fact]
    public async Task The_key_of_a_guest_that_never_ran_stays_beside_it()
    {
        Leave(s_former, s_latter);
        Assert.Equal(s_former, await ReadWith(s_former));
        Assert.Equal(s_former, MachineKeyFile.Read(File));
        Assert.Equal(s_latter, MachineKeyFile.Read(File + ".new"));
    }

    [Fact]
    public async Task It_is_found_where_there_was_none_before()
    {
        Leave(null, s_latter);
        Assert.Equal(s_latter, await ReadWith(s_latter));
        Assert.Equal(s_latter, MachineKeyFile.Read(File));
    }

    [Fact]
    public void Where_nobody_answers_nothing_changes()
    {
        Leave(s_former, s_latter);
        Assert.Equal(s_former, GuestKeyFile.Read(File, key => GuestControl.Obeys(s_guest, key)));
        Assert.Equal(s_latter, MachineKeyFile.Read(File + ".new"));
    }

    [Fact]
    public void Without_one_nobody_is_asked()
    {
        Leave(s_former, null);
        Assert.Equal(s_former, GuestKeyFile.Read(File, _ => throw new InvalidOperationException()));
    }

    [Fact]
    public void The_next_boot_says_what_becomes_of_it()
    {
        Leave(s_former, s_latter);
        var refused = Assert.Throws<Failure>(() => new GuestKeyFile(File, Key(3)));
        Assert.Equal($"{File}.new is there from a boot that was cut off: if its guest runs, evilman move keeps the key as {File}; otherwise remove it", refused.Message);
        Assert.Equal(s_latter, MachineKeyFile.Read(File + ".new"));
    }

    void Leave(byte[]? before, byte[]? beside)
    {
        if (before is not null)
            SecretFile.Write(File, MachineKeyFile.Text(before), replace: false);
        if (beside is not null)
            SecretFile.Write(File + ".new", MachineKeyFile.Text(beside), replace: false);
    }

    /// <summary>Reads while a guest listens that has this key.</summary>
    async Task<byte[]> ReadWith(byte[] guestKey)
    {
        using var listener = new TcpListener(s_guest, MoveCommand.Port);
        listener.Start();
        var served = Task.Run(() =>
        {
            try
            {
                using var socket = SecureSocket.Accept(listener.AcceptSocket(), MoveCommand.HelloMagic, MoveCommand.HelloVersion, guestKey);
            }
            catch (ChannelException)
            {
                // It was asked with another key.
            }
        });
        var read = GuestKeyFile.Read(File, key => GuestControl.Obeys(s_guest, key));
        Assert.True(await Task.WhenAny(served, Task.Delay(TimeSpan.FromSeconds(20))) == served, "the guest was not asked");
        await served;
        return read;
    }

    static byte[] Key(byte first)
    {
        var key = new byte[MachineKey.Size];
        key[0] = first;
        return key;
    }
}
