using System;
using System.IO;
using System.Runtime.InteropServices;

namespace Evilman.Tokens;

/// <summary>
/// The file for the key of a guest that is being booted. Until the guest runs the key lies beside it, as FILE.new, so that neither it nor
/// the key that is in FILE is lost, whenever the command ends.
/// </summary>
internal sealed class GuestKeyFile : IDisposable
{
    readonly string file, draft;
    readonly PosixSignalRegistration[] signals;
    volatile bool isNeeded;

    internal GuestKeyFile(string file, ReadOnlySpan<byte> guestKey)
    {
        (this.file, draft) = (file, file + ".new");
        if (Path.Exists(draft))
            throw new Failure($"{draft} is there from a boot that was cut off, and may be the key of a guest that runs: move it, or remove it");
        Secret.Write(draft, MachineKeyFile.Text(guestKey), replace: false);
        signals = Array.ConvertAll((PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP],
            signal => PosixSignalRegistration.Create(signal, _ => ForgetUnneeded()));
    }

    /// <summary>From now on there may be a guest that obeys the key: it is forgotten only when the machine is known to have ended.</summary>
    internal void Need() => isNeeded = true;

    /// <summary>The guest runs: the key takes the place of the one before.</summary>
    internal void Keep()
    {
        try
        {
            File.Move(draft, file, overwrite: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new Failure($"{file} cannot be written: {failure.Message}");
        }
    }

    /// <summary>There is no guest and will not be one: the key is good for nothing.</summary>
    internal void Forget()
    {
        try
        {
            File.Delete(draft);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It harms nobody.
        }
    }

    public void Dispose()
    {
        foreach (var signal in signals)
            signal.Dispose();
        ForgetUnneeded();
    }

    void ForgetUnneeded()
    {
        if (!isNeeded)
            Forget();
    }
}
