using System.Runtime.InteropServices;
using Domain.Linux;

namespace Domain.Host;

/// <summary>Records to and from the daemon that started this monitor: 16 bytes a datagram.</summary>
internal sealed unsafe class ControlChannel(int descriptor)
{
    public const uint LockedIn = 1, GuestEnded = 2, TripleFault = 3, MonitorError = 4, Panic = 5;

    /// <summary>Values of <see cref="GuestEnded"/>.</summary>
    public const uint ByReset = 0, ByPowerOff = 1;

    [StructLayout(LayoutKind.Sequential)]
    private struct Record
    {
        public uint Kind, Value;
        public ulong Wide;
    }

    public int Descriptor => descriptor;

    public void Send(uint kind, uint value = 0)
    {
        var record = new Record { Kind = kind, Value = value };
        // A daemon that does not listen learns the same from the exit code.
        _ = Libc.write(descriptor, &record, (nuint)sizeof(Record));
    }

    /// <summary>Takes one record; the caller has polled. False when the daemon is gone.</summary>
    public bool Receive()
    {
        Record record;
        nint got = Libc.read(descriptor, &record, (nuint)sizeof(Record));
        // No record means anything to a machine yet; unknown ones are left for later versions.
        return got > 0 || (got < 0 && Libc.Errno is Libc.EAGAIN or Libc.EINTR);
    }
}
