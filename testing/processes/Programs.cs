using System;
using System.Diagnostics;
using System.IO;
using Xunit;

// Descriptors that one test's children inherit would keep another's sockets open.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Plug.Tests;

/// <summary>A test that makes network namespaces or starts machines under accounts of their own.</summary>
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute()
    {
        if (Native.geteuid() != 0)
            Skip = "needs root";
    }
}

internal static class Programs
{
    public static string Root
    {
        get
        {
            string folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "global.json")))
                folder = Path.GetDirectoryName(folder)!;
            return folder;
        }
    }

    public static string Image(string name) => Path.Combine(Root, "out", "images", name);

    public static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(20_000), $"{program} never ends");
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {output}");
        return output;
    }

    /// <summary>Neither gone nor a zombie.</summary>
    public static bool Runs(int pid)
    {
        try
        {
            return !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Waits for what has to happen, as long as a busy machine may need.</summary>
    public static void Await(Func<bool> happened, string what)
    {
        for (long until = Environment.TickCount64 + 20_000; !happened(); System.Threading.Thread.Sleep(2))
            Assert.True(Environment.TickCount64 < until, "did not happen: " + what);
    }

    /// <summary>The process that a process has started; 0 when there is none, or none any more.</summary>
    public static int Child(int pid)
    {
        try
        {
            string children = File.ReadAllText($"/proc/{pid}/task/{pid}/children");
            return children.Length == 0 ? 0 : int.Parse(children.Split(' ')[0]);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
