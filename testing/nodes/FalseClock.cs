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
            byte[] bytes = new byte[16];
            Bytes.PutLe64(bytes, 0, value.Seconds);
            Bytes.PutLe64(bytes, 8, value.Nanoseconds);
            RandomAccess.Write(file.SafeFileHandle, bytes, 0);
        }
    }

    /// <summary>The time that the last reader got.</summary>
    public (ulong Seconds, ulong Nanoseconds) Told => At(16);

    public void Dispose() => file.Dispose();

    private (ulong, ulong) At(int offset)
    {
        byte[] bytes = new byte[16];
        RandomAccess.Read(file.SafeFileHandle, bytes, offset);
        return (Bytes.Le64(bytes, 0), Bytes.Le64(bytes, 8));
    }
}
