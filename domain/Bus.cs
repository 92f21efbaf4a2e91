using System;

namespace Domain;

/// <summary>A device's register window. All accesses come from the CPU thread.</summary>
public interface IDevice
{
    /// <summary>
    /// Reads <paramref name="size"/> bytes (1, 2, 4 or 8) at <paramref name="offset"/> into the window.
    /// </summary>
    ulong Read(ulong offset, int size);

    /// <summary>
    /// Writes <paramref name="size"/> bytes (1, 2, 4 or 8) at <paramref name="offset"/> into the window.
    /// </summary>
    void Write(ulong offset, int size, ulong value);
}

/// <summary>Which device answers at which physical address, and at which port.</summary>
/// <remarks>
/// Where no device answers, reads give all ones and writes do nothing, as on a PC. Maps are made before the machine
/// runs.
/// </remarks>
public sealed class Bus
{
    private readonly record struct Window(ulong Start, ulong Length, IDevice Device);

    private Window[] mmio = [];
    private Window[] ports = [];

    /// <summary>Accesses that no device answered.</summary>
    public ulong Unclaimed { get; private set; }

    public void MapMmio(ulong address, ulong length, IDevice device) =>
        mmio = Insert(mmio, new Window(address, length, device));

    public void MapPorts(ushort port, ushort count, IDevice device) =>
        ports = Insert(ports, new Window(port, count, device));

    public ulong ReadMmio(ulong address, int size) =>
        Find(mmio, address, size, out var window) ? window.Device.Read(address - window.Start, size) & Mask(size)
            : AllOnes(size);

    public void WriteMmio(ulong address, int size, ulong value)
    {
        if (Find(mmio, address, size, out var window))
            window.Device.Write(address - window.Start, size, value & Mask(size));
        else
            Unclaimed++;
    }

    public uint In(ushort port, int size) =>
        Find(ports, port, size, out var window) ? (uint)(window.Device.Read(port - window.Start, size) & Mask(size))
            : (uint)AllOnes(size);

    public void Out(ushort port, int size, uint value)
    {
        if (Find(ports, port, size, out var window))
            window.Device.Write(port - window.Start, size, value & Mask(size));
        else
            Unclaimed++;
    }

    private static Window[] Insert(Window[] windows, Window added)
    {
        foreach (var window in windows)
        {
            if (added.Start < window.Start + window.Length && window.Start < added.Start + added.Length)
                throw new ArgumentException("two devices claim the same address");
        }
        return [.. windows, added];
    }

    // A machine has about ten windows; a linear scan is a few nanoseconds beside a register access that costs hundreds.
    private static bool Find(Window[] windows, ulong address, int size, out Window found)
    {
        foreach (ref readonly var window in windows.AsSpan())
        {
            ulong offset = address - window.Start;
            if (offset < window.Length && (ulong)size <= window.Length - offset)
            {
                found = window;
                return true;
            }
        }
        found = default;
        return false;
    }

    private ulong AllOnes(int size)
    {
        Unclaimed++;
        return Mask(size);
    }

    private static ulong Mask(int size) => size >= 8 ? ulong.MaxValue : (1UL << (size * 8)) - 1;
}
