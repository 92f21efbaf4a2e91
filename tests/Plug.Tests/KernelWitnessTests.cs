using System;
using System.Collections.Generic;
using System.Threading;
using Testing;
using Xunit;

namespace Plug.Tests;

/// <summary>
/// The same packet given to Linux: written to a TAP device with its virtio-net header, bridged to a TAP device that takes no offloads, and
/// read there as the kernel has cut and finished it. What the adapter makes of it is the same to the byte.
/// </summary>
public sealed class KernelWitnessTests
{
    [RootFact]
    public void Linux_makes_the_same_frames()
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                Compare();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.True(failure == null, failure?.ToString());
    }

    private static void Compare()
    {
        Descriptors.LeaveNetwork();
        int from = Descriptors.OpenTap("from0", header: true), to = Descriptors.OpenTap("to0", header: false);
        Programs.Run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0");
        foreach (string link in new[] { "br0", "from0", "to0" })
        {
            Programs.Run("ip", "link", "set", link, "addrgenmode", "none");
            if (link != "br0")
                Programs.Run("ip", "link", "set", link, "master", "br0");
            Programs.Run("ip", "link", "set", link, "up");
        }

        var random = new Random(9);
        for (int i = 0; i < 200; i++)
        {
            byte[] packet = new Packets
            {
                Data = i % 4 == 0 ? random.Next(1400) : random.Next(60_000), SegmentSize = i % 4 == 0 ? (ushort)0 : (ushort)random.Next(100, 1400),
                IpOptions = random.Next(11) * 4, TcpOptions = random.Next(11) * 4, Flags = (byte)(random.Next(256) & ~0x26 | 0x10),
                Identification = (ushort)random.Next(65536), Sequence = (uint)random.NextInt64(1L << 32), Seed = i,
            }.Make();
            Descriptors.Write(from, packet);
            List<byte[]> frames = [];
            Assert.Equal(Verdict.Frames, Packets.Cut(packet, frames));
            foreach (byte[] frame in frames)
                Assert.Equal(Convert.ToHexString(Next(to)), Convert.ToHexString(frame));
        }
        Descriptors.close(from);
        Descriptors.close(to);
    }

    /// <summary>The next IPv4 frame.</summary>
    private static byte[] Next(int tap)
    {
        while (true)
        {
            byte[] frame = Descriptors.Read(tap) ?? throw new TimeoutException("the kernel forwards nothing more");
            if (frame.Length > 34 && frame[12] == 8 && frame[13] == 0)
                return frame;
        }
    }
}
