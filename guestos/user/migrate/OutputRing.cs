using System;
using System.Linux;

namespace Migrate;

/// <summary>
/// A file that keeps the last part of what a job has written, for whoever asks later: 8 bytes with the number of bytes
/// ever written, 8 that are not 0 once there will be no more, and the bytes themselves, byte n at 16 + n %
/// <see cref="Size"/>. One process writes; any number may read meanwhile.
/// </summary>
internal static unsafe class OutputRing
{
    private const int Size = 256 * 1024;
    private const int HeaderSize = 16;

    /// <summary>Nanoseconds between two looks of a reader who follows.</summary>
    private const ulong Pause = 100_000_000;

    // The writer's, or what a reader has seen last.
    private static Header s_header;

    private struct Header
    {
        public ulong Total;
        public ulong HasEnded;
    }

    /// <summary>The file's descriptor, or −errno. What was there before is gone.</summary>
    public static int Create(byte* path)
    {
        int file = Host.Create(path);
        if (file >= 0)
            Host.WriteAt(file, AsBytes(ref s_header), 0);
        return file;
    }

    public static void Add(int file, ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            int place = (int)(s_header.Total % Size);
            int length = Math.Min(data.Length, Size - place);
            Host.WriteAt(file, data.Slice(0, length), HeaderSize + place);
            s_header.Total += (ulong)length;
            data = data.Slice(length);
        }
        Host.WriteAt(file, AsBytes(ref s_header), 0);
    }

    public static void End(int file)
    {
        s_header.HasEnded = 1;
        Host.WriteAt(file, AsBytes(ref s_header), 0);
    }

    /// <summary>
    /// Writes to standard output what the file keeps, from the beginning of a line on, and if told so what comes.
    /// </summary>
    /// <returns>False when there is no such file.</returns>
    public static bool Recall(byte* path, bool follow)
    {
        int file = Host.Open(path);
        if (file < 0)
            return false;
        Span<byte> buffer = stackalloc byte[4096];
        ulong at = 0;
        bool isCut = false;
        while (true)
        {
            Look(file, ref at, ref isCut);
            bool isLast = !follow || s_header.HasEnded != 0;
            ulong end = s_header.Total;
            while (at < end)
                at += (ulong)Show(file, buffer, ref at, end, ref isCut);
            if (isLast)
                return true;
            Timing.Sleep(Pause);
        }
    }

    // How many bytes that was.
    private static int Show(int file, Span<byte> buffer, ref ulong at, ulong end, ref bool isCut)
    {
        int place = (int)(at % Size);
        int length = (int)Math.Min((ulong)Math.Min(buffer.Length, Size - place), end - at);
        Host.ReadAt(file, buffer.Slice(0, length), HeaderSize + place);
        ulong before = at;
        Look(file, ref at, ref isCut);
        if (at != before)
            return 0;
        ReadOnlySpan<byte> text = buffer.Slice(0, length);
        if (isCut)
        {
            int newline = text.IndexOf((byte)'\n');
            text = newline < 0 ? default : text.Slice(newline + 1);
            isCut = newline < 0;
        }
        Host.WriteAll(1, text);
        return length;
    }

    // What was written over since has gone.
    private static void Look(int file, ref ulong at, ref bool isCut)
    {
        Host.ReadAt(file, AsBytes(ref s_header), 0);
        if (s_header.Total - at <= Size)
            return;
        at = s_header.Total - Size;
        isCut = true;
    }

    private static Span<byte> AsBytes(ref Header header) => new((byte*)Syscall.AddressOf(ref header), HeaderSize);
}
