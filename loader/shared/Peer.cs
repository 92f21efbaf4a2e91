using System;
using Wire;

namespace Loader;

/// <summary>
/// The client at the other end of the connection that brought the loader, and the firmware's other services.
/// </summary>
/// <param name="services">Identity mapped, valid as long as the loader runs.</param>
internal readonly unsafe struct Peer(ServiceTable* services)
{
    /// <summary>0 all bytes are there; 1 the stream ended before them; −1 the connection broke.</summary>
    public int Receive(byte* to, ulong count)
    {
        while (count > 0)
        {
            // SAFETY: the caller answers for count bytes at to; the firmware fills at most that many.
            long received = services->Receive(to, count);
            if (received <= 0)
                return received == 0 ? 1 : -1;
            to += received;
            count -= (ulong)received;
        }
        return 0;
    }

    public bool Send(byte* from, int count) => services->Send(from, (ulong)count) == 0;

    /// <summary>
    /// Waits until the peer has acknowledged everything; with 0 milliseconds, sends the last of what it has not once
    /// more and waits until the device has sent it.
    /// </summary>
    public void Flush(ulong milliseconds) => services->Flush(milliseconds);

    public void Say(ReadOnlySpan<byte> text)
    {
        fixed (byte* bytes = text)
            services->Write(bytes, (ulong)text.Length);
    }

    public void SayNumber(ulong value)
    {
        byte* digits = stackalloc byte[20];
        int at = 20;
        do
        {
            at--;
            digits[at] = (byte)('0' + value % 10);
            value /= 10;
        }
        while (value != 0);
        services->Write(digits + at, (ulong)(20 - at));
    }

    /// <summary>Announces the address, in host order, as this machine's.</summary>
    public void Claim(uint address) => services->Claim(address);

    public void Quiesce() => services->Quiesce();

    public ulong StartInfoPhysical => services->StartInfo;

    public ulong MemoryEnd => services->MemoryEnd;

    /// <summary>See <see cref="ServiceTable.ZerosFrom"/>.</summary>
    public ulong ZerosFrom => services->ZerosFrom;

    public uint CounterKilohertz => services->CounterKilohertz;

    public uint TimerKilohertz => services->TimerKilohertz;

    public bool IsKnown =>
        services->Magic == ServiceTable.ExpectedMagic && services->Version == ServiceTable.ExpectedVersion;
}
