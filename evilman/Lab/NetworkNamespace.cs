using System;
using System.Runtime.ExceptionServices;
using System.Threading;

namespace Evilman.Lab;

/// <summary>Runs code inside another network namespace, on a thread of its own that ends with it.</summary>
internal static class NetworkNamespace
{
    /// <summary>
    /// setns(2) changes the calling thread only, and for good; so a thread is made for it, and ends afterwards. What
    /// the action creates (sockets) stays in the namespace it was created in.
    /// </summary>
    internal static void Run(string path, Action action)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                var fd = Native.open(path, Native.OpenReadOnlyCloseOnExec);
                if (fd < 0)
                    throw new Failure($"{path}: {Native.LastError()}");
                var entered = Native.setns(fd, Native.CloneNewNet);
                var why = Native.LastError();
                Native.close(fd);
                if (entered < 0)
                    throw new Failure($"cannot enter the namespace {path}: {why}");
                action();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }
}
