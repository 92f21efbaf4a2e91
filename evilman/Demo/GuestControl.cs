using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using Evilman.Net;
using Evilman.Text;
using Wire;

namespace Evilman.Demo;

/// <summary>Where a guest shall move, and how.</summary>
/// <param name="MachineKey">The key of the machine that waits there.</param>
public sealed record MoveOrder(IPAddress Destination, byte[] MachineKey)
{
    public MoveFlags Flags { get; init; }

    /// <summary>Megabits a second, 0 for as fast as it goes.</summary>
    public int Rate { get; init; }

    /// <summary>Seconds of silence that the guest bears, 0 for its own choice.</summary>
    public int Patience { get; init; }

    /// <summary>Seconds after which a move that has not come to its snapshot is given up, 0 for never.</summary>
    public int GiveUp { get; init; }
}

/// <summary>
/// Commands a guest to move, through the secure channel on its port 1708 (docs/protocols.md, "Guest commands"), and
/// receives reports of its progress on the same connection, which moves with the guest.
/// </summary>
public sealed class GuestControl : IDisposable
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    readonly Lock gate = new();
    readonly SecureSocket socket;
    readonly Thread listening;
    readonly List<string> lines = [];
    int? exitCode;
    string? broken;

    /// <summary>Whether the guest takes a key; false too when nothing answers there. It is asked for nothing.</summary>
    public static bool Obeys(IPAddress guest, ReadOnlySpan<byte> guestKey)
    {
        try
        {
            var connection = Tcp.Connect(new IPEndPoint(guest, MoveCommand.Port), s_patience);
            connection.SendTimeout = connection.ReceiveTimeout = (int)s_patience.TotalMilliseconds;
            using var socket =
                SecureSocket.Connect(connection, MoveCommand.HelloMagic, MoveCommand.HelloVersion, guestKey);
            return true;
        }
        catch (Exception failure) when (failure is ChannelException or SocketException)
        {
            return false;
        }
    }

    /// <summary>Connects, proves the guest's key, and gives the order. Fails when the guest refuses it.</summary>
    public static GuestControl Move(IPAddress guest, ReadOnlySpan<byte> guestKey, MoveOrder order)
    {
        Socket connection;
        try
        {
            connection = Tcp.Connect(new IPEndPoint(guest, MoveCommand.Port), s_patience);
        }
        catch (SocketException failure)
        {
            throw Failure.NoAnswer($"the guest at {guest} takes no commands on port {MoveCommand.Port}: "
                + $"{failure.Message}");
        }
        return Move(connection, guestKey, order);
    }

    /// <summary>The same over a connection that is there already.</summary>
    public static GuestControl Move(Socket connection, ReadOnlySpan<byte> guestKey, MoveOrder order)
    {
        connection.SendTimeout = connection.ReceiveTimeout = (int)s_patience.TotalMilliseconds;
        var guest = connection.RemoteEndPoint;
        try
        {
            var socket = SecureSocket.Connect(connection, MoveCommand.HelloMagic, MoveCommand.HelloVersion, guestKey);
            var command = new byte[MoveCommand.Size];
            new MoveCommand
            {
                Address = Ipv4.Number(order.Destination), DestinationPort = Upload.Port, Flags = order.Flags,
                Rate = (uint)order.Rate, Patience = (ushort)order.Patience, GiveUp = (ushort)order.GiveUp,
            }.Emit(command, order.MachineKey);
            socket.Send(command);
            var (kind, _, text) = Hear(socket);
            if (kind == GuestEventKind.Started)
                return new GuestControl(socket);
            socket.Dispose();
            throw new Failure($"the guest does not move: {text}");
        }
        catch (ChannelException refused)
        {
            throw new Failure($"the guest at {guest} does not obey: {refused.Message}");
        }
        catch (SocketException failure)
        {
            throw Failure.NoAnswer($"the guest at {guest} does not answer: {failure.Message}");
        }
    }

    /// <summary>
    /// Asks a guest to give up the move that is under way, also one that another client has commanded; that client is
    /// told how the move ended. A guest that has nothing to give up, or does not answer, has left or stands still.
    /// </summary>
    public static void Cancel(IPAddress guest, ReadOnlySpan<byte> guestKey)
    {
        try
        {
            var connection = Tcp.Connect(new IPEndPoint(guest, MoveCommand.Port), s_patience);
            connection.SendTimeout = connection.ReceiveTimeout = (int)s_patience.TotalMilliseconds;
            using var socket =
                SecureSocket.Connect(connection, MoveCommand.HelloMagic, MoveCommand.HelloVersion, guestKey);
            var command = new byte[CancelCommand.Size];
            CancelCommand.Emit(command);
            socket.Send(command);
            Hear(socket);
        }
        catch (Exception failure) when (failure is ChannelException or SocketException or Failure)
        {
        }
    }

    GuestControl(SecureSocket socket)
    {
        this.socket = socket;
        socket.Socket.ReceiveTimeout = 0;
        listening = new Thread(Listen) { IsBackground = true };
        listening.Start();
    }

    /// <summary>What the guest has said so far, line by line.</summary>
    public string[] Lines
    {
        get
        {
            lock (gate)
                return [.. lines];
        }
    }

    /// <summary>
    /// How the move ended, once it has: 0 on the destination, otherwise migrate's exit code, and the guest stays.
    /// </summary>
    public int? Ended
    {
        get
        {
            lock (gate)
                return exitCode;
        }
    }

    /// <summary>Why nothing more will be heard, though the move had not ended.</summary>
    public string? Broken
    {
        get
        {
            lock (gate)
                return broken;
        }
    }

    void Listen()
    {
        try
        {
            while (true)
            {
                var (kind, code, text) = Hear(socket);
                lock (gate)
                {
                    lines.Add(text);
                    if (kind is GuestEventKind.Arrived or GuestEventKind.Failed)
                    {
                        exitCode = code;
                        return;
                    }
                }
            }
        }
        catch (Exception failure) when (failure is SocketException or IOException or ObjectDisposedException or Failure)
        {
            lock (gate)
                broken = failure.Message;
        }
    }

    static (GuestEventKind Kind, int ExitCode, string Text) Hear(SecureSocket socket)
    {
        var header = Read(socket, GuestEvent.HeaderSize);
        if (!GuestEvent.TryParse(header, out var kind, out var exitCode, out var length))
            throw new Failure("what the guest says makes no sense");
        return (kind, exitCode, Printable.Of(Encoding.UTF8.GetString(Read(socket, length))));
    }

    static byte[] Read(SecureSocket socket, int count)
    {
        var bytes = new byte[count];
        for (var have = 0; have < count;)
        {
            var got = socket.Receive(bytes.AsSpan(have));
            if (got == 0)
                throw new Failure("the guest closed the connection for commands");
            have += got;
        }
        return bytes;
    }

    public void Dispose()
    {
        socket.Dispose();
        listening.Join();
    }
}
