using System;
using Domain.Linux;

namespace Domain.Boot;

/// <summary>A file that was opened before the monitor locked itself in and is read after.</summary>
internal sealed class ImageFile(string name, int descriptor, long length)
{
    /// <summary>As the user gave it; for messages.</summary>
    public string Name => name;

    /// <summary>Bytes.</summary>
    public ulong Length => (ulong)length;

    public int Descriptor => descriptor;

    /// <summary>Opens <paramref name="path"/> for reading.</summary>
    /// <exception cref="ImageError">it cannot be opened or is not a file</exception>
    public static ImageFile Open(string path)
    {
        // A FIFO is refused at once, without waiting for a writer.
        int descriptor = Libc.open(path, Libc.O_RDONLY | Libc.O_NONBLOCK, 0);
        if (descriptor < 0)
            throw new ImageError($"cannot open {path}: {LinuxError.Describe(Libc.Errno)}");
        return Use(path, descriptor);
    }

    /// <summary>Uses a descriptor that an earlier <see cref="Open"/> gave.</summary>
    /// <exception cref="ImageError">it is not a file</exception>
    public static ImageFile Use(string name, int descriptor)
    {
        // Folders, devices and pipes can be opened, too.
        if (!FileStatus.IsRegular(descriptor))
            throw new ImageError($"{name} is not a file");
        long length = Libc.lseek(descriptor, 0, Libc.SEEK_END);
        if (length <= 0)
            throw new ImageError($"{name} is empty");
        return new ImageFile(name, descriptor, length);
    }

    /// <summary>Fills <paramref name="into"/> from <paramref name="offset"/>.</summary>
    /// <exception cref="ImageError">the file ends before that</exception>
    public unsafe void Read(ulong offset, Span<byte> into)
    {
        while (into.Length > 0)
        {
            nint got;
            // SAFETY: the span is pinned while the kernel fills at most its length.
            fixed (byte* buffer = into)
                got = Libc.pread(descriptor, buffer, (nuint)into.Length, (long)offset);
            if (got <= 0)
                throw new ImageError($"{name} ends too early");
            offset += (ulong)got;
            into = into[(int)got..];
        }
    }
}
