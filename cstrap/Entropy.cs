using System;
using Board;
using Wire;

namespace Cstrap;

/// <summary>
/// Bytes that peers cannot guess: HMAC-SHA-256 of a count under a seed from the entropy device, the machine key and the
/// clocks. Without the device they still depend on the machine key, which peers do not know.
/// </summary>
internal static unsafe class Entropy
{
    private const int DeviceBytes = 64;

    private static Bytes32 s_seed;
    private static ulong s_count;

    public static void Gather(ReadOnlySpan<byte> commandLine, ReadOnlySpan<byte> machineKey)
    {
        Span<byte> pool = stackalloc byte[DeviceBytes + 16 + Sha1.DigestSize]; // zeros
        EntropyDevice device = default;
        byte* memory = stackalloc byte[(int)EntropyDevice.RequiredMemory + 16];
        memory = (byte*)(((ulong)memory + 15) & ~15UL);
        while (DeviceAnnouncement.TryNext(ref commandLine, out DeviceAnnouncement announced))
        {
            if (!device.TryStart(new VirtioMmio((byte*)announced.Base), memory, EntropyDevice.RequiredMemory, 0))
                continue;
            device.Read(pool.Slice(0, DeviceBytes));
            device.Stop();
            break;
        }
        Bytes.PutLe64(pool, DeviceBytes, Processor.ReadTimeStampCounter());
        Bytes.PutLe64(pool, DeviceBytes + 8, CmosClock.ReadUnixSeconds());
        machineKey.CopyTo(pool.Slice(DeviceBytes + 16));
        Sha256.Hash(pool, s_seed);
        pool.Clear();
    }

    public static void Wipe() => ((Span<byte>)s_seed).Clear();

    /// <summary>32 bytes.</summary>
    public static void Next(Span<byte> to)
    {
        Span<byte> message = stackalloc byte[16];
        s_count++;
        Bytes.PutLe64(message, 0, s_count);
        Bytes.PutLe64(message, 8, Processor.ReadTimeStampCounter());
        HmacSha256.Sign(s_seed, message, to);
    }
}
