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

    /// <summary>What a monitor has resident, in MiB.</summary>
    /// <param name="Own">all but the guest's memory and translated code</param>
    /// <param name="File">of that, pages of files, which all machines of a host share</param>
    /// <param name="Code">translated code, counted once for each of its mappings, as /proc counts it</param>
    public readonly record struct Resident(double Own, double File, double Code);

    /// <summary>
    /// Translated code is what can be executed and comes from no file, and what else is mapped of the same memory.
    /// </summary>
    /// <param name="guest">size of the mapping that is the guest's memory</param>
    public static Resident ResidentOf(Process process, long guest)
    {
        List<(long Bytes, bool Executes, string Inode, string Name, long Kib)> mappings = [];
        foreach (string line in File.ReadLines($"/proc/{process.Id}/smaps"))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words[0].Contains('-', StringComparison.Ordinal))
            {
                long[] ends = [.. words[0].Split('-').Select(end => long.Parse(end, NumberStyles.HexNumber,
                    CultureInfo.InvariantCulture))];
                mappings.Add((ends[1] - ends[0], words[1][2] == 'x', words[4], words.Length > 5 ? words[5] : "", 0));
            }
            else if (words[0] == "Rss:")
                mappings[^1] = mappings[^1] with { Kib = long.Parse(words[1], CultureInfo.InvariantCulture) };
        }
        // Shared memory without a file is called that (proc(5)).
        const string shared = "/dev/zero";
        HashSet<string> code = [.. mappings.Where(one => one.Executes && one.Name == shared).Select(one => one.Inode)];
        long own = 0, file = 0, translated = 0;
        foreach (var (bytes, executes, inode, name, kib) in mappings)
        {
            if (name == shared ? code.Contains(inode) : executes && name.Length == 0)
                translated += kib;
            else if (bytes != guest)
            {
                own += kib;
                if (name.StartsWith('/') && name != shared)
                    file += kib;
            }
        }
        return new Resident(own / 1024.0, file / 1024.0, translated / 1024.0);
    }
}
