using System;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;
using Evilman.Minting;
using Evilman.Net;
using Tokens;
using Wire;
using Xunit;

namespace Evilman.Tests;

/// <summary>A boot token that somebody has read on the wire and spent first.</summary>
public sealed class ClaimTests : IDisposable
{
    static readonly byte[] s_secret = new byte[Sha1.DigestSize];

    readonly IPAddress boot = IPAddress.Parse($"127.17.{Random.Shared.Next(256)}.{Random.Shared.Next(1, 255)}");
    readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    readonly byte[] token;

    public ClaimTests() => token = Signing.Token(
        new MintRequest
        {
            Node = FakeNode.Address, BootAddress = boot, Guests = [], MemoryBytes = 64 << 20, Tokens = 10, Loader = [1, 2, 3],
        },
        s_secret, Chain.Fresh(10));

    public void Dispose() => listener.Dispose();

    byte[] Key => Mint.MachineKey(token, s_secret);

    [Fact]
    public async Task A_machine_that_proves_the_key_is_the_customers_whoever_has_started_it()
    {
        var firmware = Serve(Key);
        var answer = Claim(knows: true);
        Assert.Equal((Refusal.Replayed, true, true), (answer.Refusal, answer.Found, answer.Accepted));
        using var machine = await firmware;
        Assert.Equal(0, machine.Receive(new byte[16])); // nothing was asked of it
    }

    [Fact]
    public async Task A_machine_with_another_key_is_not()
    {
        var firmware = Serve(new byte[MachineKey.Size]);
        var answer = Claim(knows: true);
        Assert.Equal((Refusal.Replayed, false, false), (answer.Refusal, answer.Found, answer.Accepted));
        await Assert.ThrowsAsync<ChannelException>(() => firmware);
    }

    [Fact]
    public void Where_no_firmware_listens_the_token_is_used_up()
    {
        var answer = Claim(knows: true);
        Assert.Equal((Refusal.Replayed, false, false), (answer.Refusal, answer.Found, answer.Accepted));
    }

    [Fact]
    public void A_token_that_the_node_takes_is_claimed_from_nobody()
    {
        var answer = Claim(knows: false);
        Assert.Equal((Refusal.None, false, true), (answer.Refusal, answer.Found, answer.Accepted));
    }

    /// <summary>The firmware's handshake, for one client.</summary>
    Task<SecureSocket> Serve(byte[] key)
    {
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(new IPEndPoint(boot, Upload.Port));
        listener.Listen();
        return Task.Run(() => SecureSocket.Accept(listener.Accept(), Upload.Magic, Upload.Version, key));
    }

    NodeAnswer Claim(bool knows)
    {
        var node = new FakeNode();
        if (knows)
            node.Knows(token);
        var answer = MagicPinger.Claim(node, FakeNode.Address, token, Key, FakeNode.Ms(2000), FakeNode.Ms(300));
        Assert.NotNull(answer);
        return answer.Value;
    }
}
