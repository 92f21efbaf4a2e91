using System;
using System.Collections.Generic;
using Xunit;

namespace Guestos.Migrate.Tests;

/// <summary>
/// A TCP connection: what it has taken goes on its way piece by piece, when the test lets it, and pages are read only
/// then.
/// </summary>
internal sealed unsafe class Connection
{
    private static readonly Dictionary<int, Connection> s_connections = [];

    /// <summary>What goes on beside, whenever the kernel lets others run or sleeps; or null.</summary>
    public static Action? Work;

    private readonly Queue<(byte[]? Bytes, ulong Page, int Offset, int Length)> queue = new();
    private int queued;

    /// <summary>Bytes that wait at most.</summary>
    public int Capacity = 64 * 1024;

    /// <summary>What the next call on it fails with, or 0.</summary>
    public int Error;

    /// <summary>The peer's address is one of IPv6.</summary>
    public bool IsOverIpv6;

    /// <summary>The peer takes nothing.</summary>
    public bool IsStuck;

    /// <summary>What has arrived.</summary>
    public List<byte> Arrived { get; } = [];

    public static Connection Of(int handle)
    {
        if (!s_connections.TryGetValue(handle, out Connection? connection))
            s_connections[handle] = connection = new();
        return connection;
    }

    public static void Reset()
    {
        s_connections.Clear();
        Work = null;
    }

    public int Room => Capacity - queued;

    /// <summary>Bytes that have not left yet.</summary>
    public int Queued => queued;

    /// <summary>Pieces that have not left yet.</summary>
    public int Waiting => queue.Count;

    public int Send(ReadOnlySpan<byte> bytes)
    {
        int taken = Admit(bytes.Length);
        if (taken > 0)
            queue.Enqueue((bytes.Slice(0, taken).ToArray(), 0, 0, taken));
        return taken;
    }

    public int SendPage(ulong reference, int offset, int length)
    {
        Assert.InRange(length, 1, Frames.Size - offset);
        int taken = Admit(length);
        if (taken > 0)
            queue.Enqueue((null, reference, offset, taken));
        return taken;
    }

    private int Admit(int length)
    {
        if (Error != 0)
            return Error;
        int taken = Math.Min(length, Room);
        queued += taken;
        return taken > 0 ? taken : Netstack.SocketError.WouldBlock;
    }

    /// <summary>Some of what waits leaves. Pages are what they are now.</summary>
    public void Transmit(int pieces = int.MaxValue)
    {
        for (; pieces > 0 && queue.TryDequeue(out (byte[]? Bytes, ulong Page, int Offset, int Length) piece); pieces--)
        {
            queued -= piece.Length;
            Arrived.AddRange(piece.Bytes ?? new ReadOnlySpan<byte>(Network.ResolvePage(piece.Page) + piece.Offset, piece.Length).ToArray());
        }
    }

    public long WaitChange()
    {
        Work?.Invoke();
        if (IsStuck)
            return Errno.ETIMEDOUT;
        Transmit(200);
        return 0;
    }

    public long WaitAcknowledged()
    {
        Work?.Invoke();
        if (IsStuck)
            return Errno.ETIMEDOUT;
        Transmit();
        return 0;
    }
}
