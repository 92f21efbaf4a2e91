using System;
using System.Diagnostics;
using System.IO;
using System.Text;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Macs;
using Org.BouncyCastle.Crypto.Parameters;
using Xunit;

namespace Wire.Tests;

/// <summary>The same sources as packetd's compiler makes them: builds the image of tests/images/WireFreestanding and runs it.</summary>
public class FreestandingTests
{
    [Fact]
    public void Hashes_tags_and_chains_agree_with_BouncyCastle_without_a_runtime()
    {
        Run("dotnet", "build -c Release -m:1 -v:q -nologo -tl:off -clp:ErrorsOnly;NoSummary tests/images/WireFreestanding/WireFreestanding.csproj", 180);
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
        Assert.Equal(digest, Run("out/images/wire-freestanding", "", 20));
    }

    /// <summary>What a program writes to its standard output; it must end well.</summary>
    private static byte[] Run(string program, string arguments, int seconds)
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "global.json")))
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("The tests must run inside the repository.");
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
