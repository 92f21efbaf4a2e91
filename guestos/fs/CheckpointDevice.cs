namespace Guestos;

/// <summary>/dev/checkpoint; filled in by migrate/.</summary>
public static unsafe class CheckpointDevice
{
    public static long Open(File* file) => 0;
    public static long Read(File* file, ref Transfer to) => Errno.NoSuchDevice;
    public static long Write(File* file, ref Transfer from) => Errno.NoSuchDevice;
    public static uint Poll(File* file) => PollEvents.Error;
    public static long Ioctl(File* file, uint request, ulong argument) => Errno.NotTerminal;
    public static void Release(File* file) { }

    /// <summary>splice(2) and sendfile(2) from the device to a socket, without copying. At most <paramref name="count"/> bytes.</summary>
    public static long SpliceToSocket(File* file, File* socket, ulong count) => Errno.NoSuchDevice;
}
