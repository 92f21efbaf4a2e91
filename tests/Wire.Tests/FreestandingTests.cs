using System;
using System.Diagnostics;
using System.IO;
using System.Text;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Macs;
using Org.BouncyCastle.Crypto.Parameters;
using Testing;
using Xunit;

namespace Wire.Tests;

/// <summary>The same sources as packetd's compiler makes them: runs the image of tests/images/WireFreestanding.</summary>
public class FreestandingTests
{
    [Fact]
    public void Hashes_tags_chains_and_sealed_texts_agree_with_BouncyCastle_without_a_runtime()
    {
        byte[] memory = new byte[64 + 320], digest = new byte[20];
        for (int i = 0; i < memory.Length; i++)
            memory[i] = (byte)(i * 37 + (i >> 3));
        var hash = new Sha1Digest();
        for (int length = 0; length <= 300; length++)
        {
            hash.BlockUpdate(memory, 64 + length % 16, length);
            hash.DoFinal(memory, 0);
            var tag = new HMac(new Sha1Digest());
            tag.Init(new KeyParameter(memory, 0, 1 + length % 64));
            tag.BlockUpdate(memory, 64 + length % 16, length);
            tag.DoFinal(digest, 0);
            digest.CopyTo(memory, 64 + length % 300);
        }
        for (int i = 0; i < 1000; i++)
        {
            hash.BlockUpdate(digest, 0, digest.Length);
            hash.DoFinal(digest, 0);
        }
        Assert.Equal((byte[])[.. digest, .. Sealed()], Run("out/images/wire-freestanding", "", 20));
    }

    /// <summary>What the image does after the hashes, done by BouncyCastle.</summary>
    private static byte[] Sealed()
    {
        byte[] memory = new byte[900], key = new byte[32];
        for (int i = 0; i < memory.Length; i++)
            memory[i] = (byte)(i * 41 + (i >> 4));
        for (int length = 0; length <= 800; length++)
        {
            if (length % 16 == 0)
                Org.BouncyCastle.Math.EC.Rfc7748.X25519.ScalarMult(memory, 0, memory, 40, key, 0);
            int at = length % 16;
            byte[] made = ChaCha20Poly1305Tests.Other(true, key, (ulong)length, memory[830..(830 + length % 50)], memory[at..(at + length)])!;
            made.AsSpan(0, length).CopyTo(memory.AsSpan(at));
            made.AsSpan(length).CopyTo(memory.AsSpan(830 + length % 16));
            var hash = new Sha256Digest();
            hash.BlockUpdate(memory, 0, length);
            hash.DoFinal(key, 0);
        }
        return key;
    }

    /// <summary>What a program writes to its standard output; it must end well.</summary>
    private static byte[] Run(string program, string arguments, int seconds)
    {
        string root = Repository.Root;
        using var process = Process.Start(new ProcessStartInfo(program.Contains('/') ? Path.Combine(root, program) : program, arguments)
        {
            WorkingDirectory = root, RedirectStandardOutput = true,
        })!;
        using var said = new MemoryStream();
        var copied = process.StandardOutput.BaseStream.CopyToAsync(said);
        if (!process.WaitForExit(TimeSpan.FromSeconds(seconds)))
            process.Kill(entireProcessTree: true);
        copied.Wait();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {Encoding.UTF8.GetString(said.ToArray())}");
        return said.ToArray();
    }
}
