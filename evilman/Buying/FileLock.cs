using System;
using System.Diagnostics;
using System.IO;
using System.Threading;

namespace Evilman.Buying;

/// <summary>A file that one program at a time has open (flock(2)); the lock ends with the stream, or the program.</summary>
internal static class FileLock
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Waits until no other program has the lock, ten seconds at most unless told otherwise.</summary>
    /// <param name="what">What the file is, for the sentence of a failure.</param>
    internal static FileStream Take(string path, string what, TimeSpan? patience = null)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            string why;
            try
            {
                var file = new FileStream(path, new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                });
                if (IsThere(path, file))
                    return file;
                file.Dispose(); // it was removed, or replaced by another file, meanwhile
                why = $"{path} is a link, or replaced as soon as it is opened";
            }
            catch (IOException busy)
            {
                why = busy.Message;
                Thread.Sleep(20);
            }
            if (Stopwatch.GetElapsedTime(start) > (patience ?? s_patience))
                throw new Failure($"{what} is in use by another evilman: {why}");
        }
    }

    /// <summary>
    /// Whether the file still has its name: who had it before may have removed it between its opening and its locking.
    /// </summary>
    static unsafe bool IsThere(string path, FileStream file)
    {
        const int EmptyPath = 0x1000, ThisFolder = -100, DoNotFollow = 0x100;
        const uint Inode = 0x100;
        Native.FileStatus opened, named;
        return Native.statx((int)file.SafeFileHandle.DangerousGetHandle(), "", EmptyPath, Inode, &opened) == 0
            && Native.statx(ThisFolder, path, DoNotFollow, Inode, &named) == 0
            && (opened.Inode, opened.DeviceMajor, opened.DeviceMinor) == (named.Inode, named.DeviceMajor, named.DeviceMinor);
    }
}
