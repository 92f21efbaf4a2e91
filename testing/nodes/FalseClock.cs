using System;
using System.IO;
using Packetd;
using Wire;

namespace Testing.Nodes;

/// <summary>A clock for the shipped binary that only a test moves, by tests/images/FalseClock; the machine's own is never touched.</summary>
public sealed class FalseClock : IDisposable
{
    private readonly FileStream file = new(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), new FileStreamOptions
    {
        Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite, BufferSize = 0, Options = FileOptions.DeleteOnClose,
    });

    public string[] Launcher => [Repository.Image("false-clock"), file.Name];

    /// <summary>The time that the next reader gets.</summary>
    public (ulong Seconds, ulong Nanoseconds) Time
    {
        get => At(0);
        set
        {
            Put(0, value.Seconds, value.Nanoseconds);
        }
    }

    /// <summary>The monotonic clock, in milliseconds. Until it is set, that shows <see cref="Time"/>, too.</summary>
    public ulong Uptime
    {
        set => Put(32, value / 1000, value % 1000 * 1_000_000);
    }

    public ulong ToldUptime
    {
        get
        {
            (ulong seconds, ulong nanoseconds) = At(48);
            return seconds * 1000 + nanoseconds / 1_000_000;
        }
    }

    /// <summary>The processor time that any process seems to have used, in microseconds. To be set after <see cref="Uptime"/>.</summary>
    public ulong Cpu
    {
        set => Put(64, value / 1_000_000, value % 1_000_000 * 1000);
    }

    /// <summary>The time that the last reader got.</summary>
    public (ulong Seconds, ulong Nanoseconds) Told => At(16);

    public void Dispose() => file.Dispose();

    private void Put(int offset, ulong seconds, ulong nanoseconds)
    {
        byte[] bytes = new byte[16];
        Bytes.PutLe64(bytes, 0, seconds);
        Bytes.PutLe64(bytes, 8, nanoseconds);
        RandomAccess.Write(file.SafeFileHandle, bytes, offset);
    }

    private (ulong, ulong) At(int offset)
    {
        byte[] bytes = new byte[16];
        RandomAccess.Read(file.SafeFileHandle, bytes, offset);
        return (Bytes.Le64(bytes, 0), Bytes.Le64(bytes, 8));
    }
}
