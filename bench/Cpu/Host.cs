using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;

namespace Domain.Bench;

/// <summary>Programs of the host that are measured, by the processor time that they take: others may run, too.</summary>
internal static unsafe class Host
{
    private const int ChildrenWhoEnded = -1;

    [StructLayout(LayoutKind.Sequential)]
    private struct Usage
    {
        public long UserSeconds, UserMicroseconds, SystemSeconds, SystemMicroseconds;
        private fixed long rest[14];
    }

    [DllImport("libc")]
    private static extern int getrusage(int who, Usage* usage);

    private static double ChildrenSeconds
    {
        get
        {
            Usage usage;
            _ = getrusage(ChildrenWhoEnded, &usage);
            return usage.UserSeconds + usage.SystemSeconds + (usage.UserMicroseconds + usage.SystemMicroseconds) / 1e6;
        }
    }

    /// <summary>Starts a program that hears nothing, and whose words are read or lost.</summary>
    public static Process Start(IEnumerable<string> words)
    {
        string[] all = [.. words];
        return Process.Start(new ProcessStartInfo(all[0], all[1..])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
    }

    /// <summary>Seconds of processor time of a program from its start to its end; the median of three runs.</summary>
    /// <param name="says">what it has said on its standard output, of the last run</param>
    public static double Seconds(out string says, params string[] words)
    {
        var times = new double[3];
        string said = "";
        for (int i = 0; i < times.Length; i++)
        {
            double before = ChildrenSeconds;
            using var process = Start(words);
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            said = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            times[i] = ChildrenSeconds - before;
        }
        says = said;
        return times.Order().ElementAt(1);
    }

    /// <summary>MiB of a process that are resident outside of mappings of a size, which are the guest's memory.</summary>
    public static double ResidentBeside(Process process, long guest)
    {
        long resident = 0;
        bool counts = false;
        foreach (string line in File.ReadLines($"/proc/{process.Id}/smaps"))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words[0].Contains('-', StringComparison.Ordinal))
            {
                long[] ends = [.. words[0].Split('-').Select(end => long.Parse(end, NumberStyles.HexNumber,
                    CultureInfo.InvariantCulture))];
                counts = ends[1] - ends[0] != guest;
            }
            else if (counts && words[0] == "Rss:")
                resident += long.Parse(words[1], CultureInfo.InvariantCulture);
        }
        return resident / 1024.0;
    }
}
