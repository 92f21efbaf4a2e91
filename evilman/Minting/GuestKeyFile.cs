using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using Evilman.Text;

namespace Evilman.Minting;

/// <summary>
/// The file for the key of a guest that is being booted. Until the guest runs the key lies beside it, as FILE.new, so
/// that neither it nor the key that is in FILE is lost, whenever the command ends.
/// </summary>
internal sealed class GuestKeyFile : IDisposable
{
    readonly string file, draft;
    readonly PosixSignalRegistration[] signals;
    readonly Lock gate = new();
    bool isNeeded, isSettled;

    internal GuestKeyFile(string file, ReadOnlySpan<byte> guestKey)
    {
        (this.file, draft) = (file, DraftOf(file));
        if (Path.Exists(draft))
            throw new Failure($"{draft} is there from a boot that was cut off: if its guest runs, evilman move keeps "
                + $"the key as {file}; otherwise remove it");
        SecretFile.Write(draft, MachineKeyFile.Text(guestKey), replace: false);
        signals = Array.ConvertAll((PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP],
            signal => PosixSignalRegistration.Create(signal, _ => Settle()));
    }

    static string DraftOf(string file) => file + ".new";

    /// <summary>
    /// The guest's key. When a boot was cut off in the instant between the guest's start and <see cref="Keep"/>, that
    /// is the one beside the file: it takes the place of the one before if the guest obeys it, and stays where it is
    /// otherwise.
    /// </summary>
    /// <param name="obeys">Whether the guest takes a key.</param>
    internal static byte[] Read(string file, Func<byte[], bool> obeys)
    {
        var draft = DraftOf(file);
        if (!File.Exists(draft))
            return MachineKeyFile.Read(file);
        var key = MachineKeyFile.Read(draft);
        if (!obeys(key))
            return MachineKeyFile.Read(file);
        Replace(file, draft);
        Say.Note($"the guest obeys the key in {draft}, which a boot that was cut off has left: it is in {file} now");
        return key;
    }

    /// <summary>
    /// From now on there may be a guest that obeys the key, and that there is none cannot be proved: the key is kept.
    /// </summary>
    internal void Need()
    {
        lock (gate)
            isNeeded = true;
    }

    /// <summary>The guest runs: the key takes the place of the one before.</summary>
    internal void Keep()
    {
        lock (gate)
        {
            Replace(file, draft);
            isSettled = true;
        }
    }

    static void Replace(string file, string draft)
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

    public void Dispose()
    {
        foreach (var signal in signals)
            signal.Dispose();
        Settle();
    }

    /// <summary>
    /// The end of a command that has not kept the key: it goes if it was never needed, otherwise it is said where it
    /// is.
    /// </summary>
    internal void Settle()
    {
        lock (gate)
        {
            if (isSettled)
                return;
            isSettled = true;
            if (isNeeded)
            {
                Say.Complain($"if a guest runs all the same, its key is in {draft}");
                return;
            }
            try
            {
                File.Delete(draft);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // There is no guest with this key and will not be one: the file does no harm.
            }
        }
    }
}
