using Domain.Linux;

namespace Domain.Host;

/// <summary>An open disk image.</summary>
internal readonly record struct DiskFile(int Descriptor, ulong Bytes, bool ReadOnly)
{
    /// <exception cref="UsageError">it cannot be opened or has no sector</exception>
    public static DiskFile Open(string path, bool readOnly)
    {
        int descriptor = Libc.open(path, (readOnly ? Libc.O_RDONLY : Libc.O_RDWR) | Libc.O_CLOEXEC, 0);
        if (descriptor < 0)
            throw new UsageError($"--disk: cannot open {path}: {LinuxError.Describe(Libc.Errno)}");
        long bytes = Libc.lseek(descriptor, 0, Libc.SEEK_END);
        if (bytes < 512)
            throw new UsageError($"--disk: {path} is not a file of at least 512 bytes");
        return new DiskFile(descriptor, (ulong)bytes, readOnly);
    }
}
