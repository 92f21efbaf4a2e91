using System;
using System.Diagnostics;
using System.IO;
using System.Threading;

namespace Evilman.Buying;

/// <summary>A file that one program at a time has open (flock(2)); the lock ends with the stream, or the program.</summary>
internal static class FileLock
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Waits for whoever has it, ten seconds at most.</summary>
    /// <param name="what">For the sentence that says who is waited for in vain.</param>
    internal static FileStream Take(string path, string what)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(path, new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                });
            }
            catch (IOException busy)
            {
                if (Stopwatch.GetElapsedTime(start) > s_patience)
                    throw new Failure($"{what} is in use by another evilman: {busy.Message}");
                Thread.Sleep(20);
            }
        }
    }
}
