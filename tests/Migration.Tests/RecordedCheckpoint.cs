using System;
using System.IO;
using System.Threading;
using Testing;
using Testing.Machines;
using Wire;
using Xunit;

namespace Migration.Tests;

/// <summary>A guest's checkpoint as the bytes that its destination receives, and guests made of them.</summary>
internal static class RecordedCheckpoint
{
    /// <summary>Lets a guest move into nothing: all of its checkpoint, and the word that commits it.</summary>
    internal static byte[] Of(string monitor)
    {
        using var space = new Space();
        using var guest = new Guest(space, monitor);
        var stream = new MemoryStream();
        using var destination = new FakeDestination(space, (fake, socket) =>
        {
            FakeDestination.ReadAll(socket, stream);
            FakeDestination.Say(socket, HandOverKind.Verified);
            while (Client.Read(socket, HandOver.Size) is { Length: HandOver.Size } record && HandOver.TryParse(record, out HandOverKind kind, out _, out ulong length))
            {
                if (kind == HandOverKind.Commit)
                    break;
                Client.Read(socket, (int)(length + 7) & ~7);
            }
            FakeDestination.Say(socket, HandOverKind.Running);
        });
        var asking = new Thread(() =>
        {
            try
            {
                guest.Migrate(FakeDestination.Address);
            }
            catch (Exception gone) when (gone is System.Net.Sockets.SocketException or Xunit.Sdk.XunitException)
            {
                // The connection ends with the machine.
            }
        }) { IsBackground = true };
        asking.Start();
        Assert.True(guest.Source.HasEnded(60_000), "the guest does not leave");
        return stream.ToArray();
    }

    /// <summary>The guest on a new machine, at <see cref="Guest.Address"/>.</summary>
    /// <param name="late">Frames that its source has taken after the fork, Ethernet's header first.</param>
    internal static Machine Resume(byte[] checkpoint, Space space, string monitor, params byte[][] late)
    {
        byte[] loader = Repository.ReadImage("loader-checkpoint");
        var machine = new Machine(space, monitor, loader);
        try
        {
            using SecureSocket socket = machine.UploadLoader(loader);
            socket.Send(checkpoint);
            Assert.Equal(HandOverKind.Verified, Client.Verdict(socket).Kind);
            foreach (byte[] frame in late)
            {
                socket.Send(Client.Record(HandOverKind.Late, (ulong)frame.Length));
                socket.Send([.. frame, .. new byte[-frame.Length & 7]]);
            }
            socket.Send(Client.Record(HandOverKind.Commit, detail: 1_000_000));
            Assert.Equal(HandOverKind.Running, Client.Verdict(socket).Kind);
            return machine;
        }
        catch
        {
            machine.Dispose();
            throw;
        }
    }
}
