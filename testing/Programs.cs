using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace Testing;

/// <summary>Programs that a test runs, and processes that it watches.</summary>
public static partial class Programs
{
    private const int MaxMilliseconds = 20_000;

    /// <summary>Runs a program that must end well; all that it wrote, to standard output first.</summary>
    public static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(MaxMilliseconds), $"{program} never ends");
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {output}");
        return output;
    }

    /// <summary>Neither gone nor a zombie.</summary>
    public static bool Runs(int pid)
    {
        try
        {
            // Z: ended and not waited for; X: about to disappear, which takes time on a busy machine (proc_pid_stat(5)).
            return !DeadState().IsMatch(File.ReadAllText($"/proc/{pid}/stat"));
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>As proc_pid_stat(5) has it.</summary>
    public static char State(int pid) => File.ReadAllText($"/proc/{pid}/stat").Split(") ")[^1][0];

    /// <summary>Waits for the end of a process that has been killed, or has a reason to end at once.</summary>
    public static void AssertEnds(int pid) => Wait.Until(() => !Runs(pid), () => $"process {pid} goes on running", seconds: 5);

    /// <summary>The processes that a process's first thread has started and that have not been waited for.</summary>
    public static int[] Children(int pid)
    {
        try
        {
            string children = File.ReadAllText($"/proc/{pid}/task/{pid}/children");
            return [.. children.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
        }
        catch (IOException)
        {
            return [];
        }
    }

    /// <summary>The first of them; 0 when there is none.</summary>
    public static int Child(int pid) => Children(pid).FirstOrDefault();

    [GeneratedRegex(@"\) [ZX] ")]
    private static partial Regex DeadState();
}
