namespace Guestos;

/// <summary>
/// unshare(2): a process gets descriptors of its own. Directories and semaphore adjustments are each process's own
/// already; there are no namespaces.
/// </summary>
public static unsafe class UnshareCall
{
    private const uint CloneFileSystem = 0x200;
    private const uint CloneFiles = 0x400;
    private const uint CloneSysVSem = 0x40000;

    public static long Unshare(ulong flags)
    {
        if (!CallFlags.TryMake(flags, CloneFileSystem | CloneFiles | CloneSysVSem, out CallFlags how))
            return Errno.EINVAL;
        return !how.Has(CloneFiles) || FileContext.Unshare(Process.Current) ? 0 : Errno.ENOMEM;
    }
}
