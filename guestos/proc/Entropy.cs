using System;
using Board;

namespace Guestos;

/// <summary>Where random numbers begin: the machine's entropy device, if it has one, and the clocks.</summary>
internal static unsafe class Entropy
{
    /// <summary>
    /// Mixes the machine's entropy and clocks into <see cref="Randomness"/>: at the start, and on arrival on another
    /// machine, where the copy must not give the numbers that its source would have given.
    /// </summary>
    public static void Gather(ReadOnlySpan<byte> commandLine)
    {
        Randomness.Stir(Clock.Realtime);
        Randomness.Stir(commandLine);
        while (DeviceAnnouncement.TryNext(ref commandLine, out DeviceAnnouncement announced))
        {
            if (!PageTable.MapDevice(announced.Base, announced.Size))
                continue;
            var transport = new VirtioMmio(DirectMap.At(announced.Base));
            if (transport.Kind != VirtioDeviceKind.Entropy)
                continue;
            ulong memory = Frames.Allocate();
            EntropyDevice device = default;
            if (memory != 0 && device.TryStart(transport, DirectMap.At(memory), Frames.Size, DirectMap.Base))
            {
                Span<byte> bytes = stackalloc byte[64];
                Randomness.Stir(bytes.Slice(0, device.Read(bytes)));
                device.Stop();
            }
            if (memory != 0)
                Frames.Release(memory);
        }
        Randomness.Stir(Clock.Monotonic);
    }
}
