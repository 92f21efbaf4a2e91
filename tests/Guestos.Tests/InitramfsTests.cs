using System;
using System.Diagnostics;
using System.IO;
using System.Text;
using Xunit;

namespace Guestos.Tests;

/// <summary>What a guest is started with: compressed, in several archives, or not whole.</summary>
public class InitramfsTests
{
    private static byte[] Filter(string program, string option, byte[] input)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, [option, "-c"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        var output = new MemoryStream();
        System.Threading.Tasks.Task reading = process.StandardOutput.BaseStream.CopyToAsync(output);
        process.StandardInput.BaseStream.Write(input);
        process.StandardInput.Close();
        reading.Wait();
        process.WaitForExit();
        return output.ToArray();
    }

    [Theory]
    [InlineData("qemu", "zstd", "-19", "gzip")]
    [InlineData("domain", "gzip", "-9", "zstd")]
    public void CompressedArchivesAreUnpackedOneAfterTheOther(string monitor, string first, string option, string second)
    {
        byte[] system = Filter(first, option, Initramfs.WithBusybox("sha1sum").ToArray());
        byte[] init = Filter(second, "-1", new Initramfs().Script("init", "sha1sum /bin/busybox; cat /etc/key; exec reboot -f\n").ToArray());
        byte[] key = new Initramfs().Directory("etc").File("etc/key", "the key\n"u8.ToArray()).ToArray();
        using var guest = new Guest(monitor, [.. system, .. new byte[(4 - system.Length % 4) % 4], .. init, .. new byte[(4 - init.Length % 4) % 4], .. key]);
        string sum = Convert.ToHexStringLower(System.Security.Cryptography.SHA1.HashData(File.ReadAllBytes("/bin/busybox")));
        Assert.Contains($"{sum}  /bin/busybox\nthe key\n", guest.AwaitEnd(60), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, 50_000, "initramfs: the archive is cut off, at byte ")]
    [InlineData(true, 50_000, "initramfs: the compressed archive is cut off, at byte 0\n")]
    [InlineData(false, 0, "initramfs: it is neither a cpio (newc) archive nor one compressed by gzip or zstd, at byte 0\n")]
    public void AGuestThatIsNotWholeIsNotStarted(bool compressed, int length, string said)
    {
        byte[] archive = Initramfs.WithBusybox().Script("init", "echo started; exec reboot -f\n").ToArray();
        byte[] bad = length == 0 ? Encoding.ASCII.GetBytes("not an archive") : (compressed ? Filter("gzip", "-1", archive) : archive)[..length];
        using var guest = new Guest("domain", bad);
        Assert.Equal(2, guest.AwaitExit());
        Assert.Contains(said, guest.Console, StringComparison.Ordinal);
        Assert.Contains("panic: the initramfs cannot be used", guest.Console, StringComparison.Ordinal);
        Assert.DoesNotContain("started", guest.Console, StringComparison.Ordinal);
    }
}
