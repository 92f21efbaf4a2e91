using System;
using System.Diagnostics;
using System.IO;
using System.Threading;
using Evilman.Lab;

namespace Evilman.Run;

/// <summary>Zstandard (RFC 8878), which the framework does not know: the system's program unpacks it.</summary>
internal static class Zstandard
{
    internal static bool Is(ReadOnlySpan<byte> bytes) => bytes.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]);

    /// <param name="name">For the sentence that refuses it.</param>
    internal static byte[] Unpack(string name, byte[] bytes, long most)
    {
        var start = new ProcessStartInfo(Tool.Need("zstd", "zstd"), ["-dc", "--no-progress", "--quiet"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using var process = Process.Start(start) ?? throw new Failure("zstd does not start");
        try
        {
            var feeder = new Thread(() => Feed(process.StandardInput.BaseStream, bytes)) { IsBackground = true };
            feeder.Start();
            var error = process.StandardError.ReadToEndAsync();
            using var all = new MemoryStream();
            var buffer = new byte[1 << 16];
            for (int count; (count = process.StandardOutput.BaseStream.Read(buffer)) > 0;)
            {
                all.Write(buffer, 0, count);
                if (all.Length > most)
                    throw new Failure($"{name} has more than {most >> 20} MiB unpacked");
            }
            process.WaitForExit();
            return process.ExitCode == 0 ? all.ToArray()
                : throw new Failure($"{name} is a damaged archive: {Tool.LastLine(error.Result)}");
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    static void Feed(Stream to, byte[] bytes)
    {
        try
        {
            using (to)
                to.Write(bytes);
        }
        catch (IOException)
        {
            // It has ended, and says why.
        }
    }
}
