using System;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Tasks;
using Evilman.Demo;
using Wire;
using Xunit;

namespace Evilman.Tests;

/// <summary>What a guest sends on the connection for commands, which the guest's superuser chooses.</summary>
public sealed class GuestControlTests
{
    static readonly byte[] s_key = new byte[MachineKey.Size];

    [Fact]
    public async Task What_a_guest_says_does_not_steer_the_terminal()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var guest = Task.Run(() => Refuse(listener, "\e[2J\e]0;owned\a$ "));
        using var connection = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        connection.Connect(listener.LocalEndPoint!);

        var refused = Assert.Throws<Failure>(() => GuestControl.Move(connection, s_key, new MoveOrder(IPAddress.Loopback, s_key)).Dispose());

        await guest;
        Assert.Equal("the guest does not move: ?[2J?]0;owned?$ ", refused.Message);
    }

    static void Refuse(Socket listener, string text)
    {
        using var secure = SecureSocket.Accept(listener.Accept(), MoveCommand.HelloMagic, MoveCommand.HelloVersion, s_key);
        var order = new byte[MoveCommand.Size];
        for (var have = 0; have < order.Length;)
            have += secure.Receive(order.AsSpan(have));
        var words = Encoding.UTF8.GetBytes(text);
        var said = new byte[GuestEvent.HeaderSize + words.Length];
        GuestEvent.Emit(said, GuestEventKind.Failed, 1, words.Length);
        words.CopyTo(said, GuestEvent.HeaderSize);
        secure.Send(said);
    }
}
