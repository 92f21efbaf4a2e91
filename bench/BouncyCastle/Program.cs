using System;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Macs;
using Org.BouncyCastle.Crypto.Parameters;

namespace BouncyCastleBench;

/// <summary>
/// Prints how many tags of the signed part of a token BouncyCastle makes in a second of processor time, with a key that
/// is set once.
/// </summary>
internal static class Program
{
    private const int SignedSize = 176; // docs/protocols.md, "Boot token"

    private static void Main()
    {
        var mac = new HMac(new Sha1Digest());
        mac.Init(new KeyParameter(new byte[32]));
        byte[] message = new byte[SignedSize], tag = new byte[20];
        Sign(mac, message, tag, 300_000); // until the code is compiled as well as it will be
        TimeSpan start = Environment.CpuUsage.UserTime;
        Sign(mac, message, tag, 1_000_000);
        Console.WriteLine((long)(1_000_000 / (Environment.CpuUsage.UserTime - start).TotalSeconds));
    }

    private static void Sign(HMac mac, byte[] message, byte[] tag, int times)
    {
        for (int i = 0; i < times; i++)
        {
            mac.BlockUpdate(message, 0, message.Length);
            mac.DoFinal(tag, 0); // and begins again with the same key
        }
    }
}
