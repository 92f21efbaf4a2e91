using Domain.Linux;

namespace Domain.Host;

/// <summary>An open disk image.</summary>
internal readonly record struct DiskFile(int Descriptor, ulong Bytes, bool ReadOnly)
{
    /// <exception cref="UsageError">it cannot be opened or has no sector</exception>
    public static DiskFile Open(string path, bool readOnly)
    {
        int descriptor = Libc.open(path, (readOnly ? Libc.O_RDONLY : Libc.O_RDWR) | Libc.O_NONBLOCK, 0);
        if (descriptor < 0)
            throw new UsageError($"--disk: cannot open {path}: {LinuxError.Describe(Libc.Errno)}");
        return Use(path, descriptor, readOnly);
    }

    /// <summary>Uses a descriptor that an earlier <see cref="Open"/> gave.</summary>
    /// <exception cref="UsageError">it has no sector</exception>
    public static DiskFile Use(string path, int descriptor, bool readOnly)
    {
        long bytes = Libc.lseek(descriptor, 0, Libc.SEEK_END);
        if (bytes is < 512 or long.MaxValue)
            throw new UsageError($"--disk: {path} is not a file of at least 512 bytes");
        return new DiskFile(descriptor, (ulong)bytes, readOnly);
    }
}
