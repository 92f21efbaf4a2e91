using System;
using System.Buffers.Binary;

namespace Domain;

/// <summary>
/// The clock that a host shares with its guest, in the form in which other people's kernels look for it (Linux:
/// Documentation/virt/kvm/x86/msr.rst and cpuid.rst): two registers take the address of a structure in RAM.
/// </summary>
/// <remarks>
/// The time stamp counter and the clock both count nanoseconds of the host's monotonic time, so what is written once
/// stays right until the guest sets its counter.
/// </remarks>
public sealed unsafe partial class Cpu
{
    private const int WallTimeBytes = 12, HostTimeBytes = 32;
    private const ulong HostTimeEnabled = 1, TimeAlignment = 3;

    // Nanoseconds = (ticks << shift) * multiplier >> 32, for a counter of 1 GHz.
    private const uint Multiplier = 1u << 31;
    private const byte Shift = 1;

    // The time never goes backwards, whichever processor reads it.
    private const byte Stable = 1;

    private ulong wallTimeAt, hostTimeAt;
    private uint timeVersion;

    /// <summary>
    /// <see cref="Msr.KvmWallClockNew"/>: the wall time at zero of the monotonic time is written once, now.
    /// </summary>
    private bool ShareWallTime(ulong at)
    {
        if ((at & TimeAlignment) != 0 || !memory.Contains(at, WallTimeBytes))
            return false;
        wallTimeAt = at;
        ulong start = (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100 - Clock.Nanoseconds;
        var wall = memory.Slice(at, WallTimeBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(wall, NextVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(wall[4..], (uint)(start / 1_000_000_000));
        BinaryPrimitives.WriteUInt32LittleEndian(wall[8..], (uint)(start % 1_000_000_000));
        InvalidateCode(at, WallTimeBytes);
        return true;
    }

    /// <summary><see cref="Msr.KvmSystemTimeNew"/>: bit 0 shares the monotonic time from now on.</summary>
    private bool ShareHostTime(ulong value)
    {
        ulong at = value & ~HostTimeEnabled;
        if ((value & HostTimeEnabled) != 0 && ((at & TimeAlignment) != 0 || !memory.Contains(at, HostTimeBytes)))
            return false;
        hostTimeAt = value;
        WriteHostTime();
        return true;
    }

    /// <summary>Says again which value of the counter stands for which time.</summary>
    private void WriteHostTime()
    {
        if ((hostTimeAt & HostTimeEnabled) == 0)
            return;
        ulong at = hostTimeAt & ~HostTimeEnabled, now = Clock.Nanoseconds;
        var time = memory.Slice(at, HostTimeBytes);
        time.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(time, NextVersion);
        BinaryPrimitives.WriteUInt64LittleEndian(time[8..], now + s->TscOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(time[16..], now);
        BinaryPrimitives.WriteUInt32LittleEndian(time[24..], Multiplier);
        time[28] = Shift;
        time[29] = Stable;
        InvalidateCode(at, HostTimeBytes);
    }

    // Even: an odd one says that the rest is being changed, which a single processor cannot see.
    private uint NextVersion => timeVersion += 2;
}
