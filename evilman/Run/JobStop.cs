using System;
using System.Globalization;
using System.Net;
using Evilman.Net;

namespace Evilman.Run;

/// <summary>How a program is asked to end before its machine is ended: as «docker stop» asks, by SIGTERM.</summary>
internal static class JobStop
{
    /// <summary>How long a program has for it unless its user says something else.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Waits for the program's end, <paramref name="time"/> at most.</summary>
    /// <param name="sentence">How it has ended, or why that is not known.</param>
    /// <returns>Its exit code, or null.</returns>
    internal static int? Ask(IPAddress guest, byte[] key, TimeSpan time, out string sentence)
    {
        try
        {
            var said = GuestExec.Ask(guest, key, Job.Stop, time).Trim();
            if (int.TryParse(said, NumberStyles.None, CultureInfo.InvariantCulture, out var code))
            {
                sentence = Job.Ending(code);
                return code;
            }
            sentence = "the guest does not know how to ask its program to end";
        }
        catch (Failure silent) when (silent.IsLate)
        {
            sentence = string.Create(CultureInfo.InvariantCulture,
                $"the program was asked to end and had not within {time.TotalSeconds:0.#} s");
        }
        catch (Failure silent)
        {
            sentence = silent.Message;
        }
        return null;
    }
}
