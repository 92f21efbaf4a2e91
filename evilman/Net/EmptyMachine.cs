using System;
using System.Net;
using Wire;

namespace Evilman.Net;

/// <summary>
/// Whether the machine that a boot token starts is there and waits for a guest, whoever has spent the token. Its firmware
/// proves that it has the machine's key, which is made of all of the token; nothing is asked of it beyond that. A machine
/// that a guest runs in has no firmware any more, and its key has been wiped.
/// </summary>
internal static class EmptyMachine
{
    /// <summary>How long a machine that has just been started may take to listen.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    /// <summary>False as well when it does not answer in time.</summary>
    internal static bool IsAt(IPAddress boot, ReadOnlySpan<byte> machineKey, TimeSpan? patience = null)
    {
        try
        {
            BootClient.Open(new IPEndPoint(boot, Upload.Port), machineKey, patience ?? s_patience).Dispose();
            return true;
        }
        catch (Failure)
        {
            return false;
        }
    }
}
