using System;
using System.Diagnostics;
using System.IO;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Fuzz;

/// <summary>
/// LLVM's libFuzzer inside this process: it chooses and mutates the scripts, SharpFuzz's counters tell it what is new.
/// It never returns: the process ends when the time is over, or with the first script that breaks the node.
/// </summary>
internal static unsafe partial class LibFuzzer
{
    /// <summary>No script takes longer than a fraction of a second.</summary>
    private const int HangSeconds = 60;

    private static readonly World s_world = new();
    private static readonly Stopwatch s_clock = Stopwatch.StartNew();
    private static readonly byte[] s_seen = new byte[Coverage.Branches];
    private static readonly byte[] s_running = new byte[Mutator.MaxSize];
    private static byte[] s_another = [];
    private static int s_runningSize;
    private static byte* s_counters;
    private static string s_results = "", s_fresh = "";
    private static long s_executions, s_deadline;

    [LibraryImport("fuzzdriver")]
    private static partial byte* fuzz_counters();

    [LibraryImport("fuzzdriver")]
    private static partial void fuzz_set_mutator(delegate* unmanaged<byte*, nuint, nuint, uint, nuint> mutate);

    [LibraryImport("fuzzdriver")]
    private static partial int LLVMFuzzerRunDriver(int* argc, byte*** argv, delegate* unmanaged<byte*, nuint, int> run);

    [LibraryImport("libc")]
    private static partial void _exit(int code);

    /// <param name="driver">The library made of driver.c and libFuzzer.</param>
    /// <param name="corpus">Scripts to begin with; only read.</param>
    /// <param name="into">Where new scripts go, and where crashes go.</param>
    public static int Run(string driver, string corpus, string into, int seconds, uint seed)
    {
        NativeLibrary.SetDllImportResolver(typeof(LibFuzzer).Assembly, (name, assembly, path) => name == "fuzzdriver" ? NativeLibrary.Load(driver) : 0);
        (s_results, s_fresh) = (into, Path.Combine(into, "new"));
        Directory.CreateDirectory(s_fresh);
        s_counters = fuzz_counters();
        Coverage.CountInto(s_counters);
        fuzz_set_mutator(&Mutate);
        s_deadline = seconds * 1000L;
        new Thread(Watch) { IsBackground = true }.Start();
        string[] arguments =
        [
            "fuzz", s_fresh, corpus, $"-max_len={Mutator.MaxSize}", $"-seed={seed}", "-entropic_scale_per_exec_time=1", "-verbosity=0", "-reload=0", "-timeout=0", "-rss_limit_mb=0",
            // Signals are the runtime's.
            "-handle_segv=0", "-handle_bus=0", "-handle_abrt=0", "-handle_ill=0", "-handle_fpe=0", "-handle_int=0", "-handle_term=0", "-handle_xfsz=0", "-handle_usr1=0", "-handle_usr2=0",
        ];
        // SAFETY: libFuzzer keeps pointers to its arguments until the process ends, so they are never freed.
        byte** argv = (byte**)NativeMemory.AllocZeroed((nuint)arguments.Length + 1, (nuint)sizeof(byte*));
        for (int i = 0; i < arguments.Length; i++)
        {
            byte[] text = Encoding.UTF8.GetBytes(arguments[i] + '\0');
            argv[i] = (byte*)NativeMemory.Alloc((nuint)text.Length);
            text.CopyTo(new Span<byte>(argv[i], text.Length));
        }
        int argc = arguments.Length;
        return LLVMFuzzerRunDriver(&argc, &argv, &Execute);
    }

    [UnmanagedCallersOnly]
    private static int Execute(byte* data, nuint size)
    {
        // SAFETY: libFuzzer lends that many bytes until this returns.
        var script = new ReadOnlySpan<byte>(data, (int)size);
        script.CopyTo(s_running);
        s_runningSize = script.Length;
        if ((s_executions & 63) == 0)
            s_another = script.ToArray();
        if (Finding.Try(s_world, script) != null)
            Crash(script.ToArray());
        Note();
        if ((++s_executions & 15) == 0 && s_clock.ElapsedMilliseconds >= s_deadline)
            End(0);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static nuint Mutate(byte* data, nuint size, nuint max, uint seed) =>
        // SAFETY: libFuzzer's buffer has that much room.
        (nuint)Mutator.Mutate(new Span<byte>(data, (int)max), (int)size, s_another, new Random((int)seed));

    /// <summary>Remembers which pairs of branches were ever seen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Note()
    {
        // SAFETY: as many counters as are seen.
        ReadOnlySpan<ulong> counted = new(s_counters, Coverage.Branches / 8);
        Span<ulong> known = MemoryMarshal.Cast<byte, ulong>(s_seen.AsSpan());
        for (int i = 0; i < counted.Length; i++)
            if (counted[i] != 0)
                known[i] |= counted[i];
    }

    private static void Crash(byte[] script)
    {
        Coverage.CountInto((byte*)NativeMemory.AllocZeroed(Coverage.Branches + Coverage.States));
        Console.WriteLine($"fuzz: broken after {s_executions} executions, {s_clock.ElapsedMilliseconds / 1000} s; the shortest script that does it:");
        string file = Finding.Save(s_world, Finding.Shrink(s_world, script), s_results, Console.Out);
        Console.WriteLine($"fuzz: saved as {file}");
        End(1);
    }

    private static void Say(string state)
    {
        long milliseconds = Math.Max(1, s_clock.ElapsedMilliseconds);
        Console.WriteLine($"fuzz: {state} {milliseconds / 1000} s, executions={s_executions}, {s_executions * 1000 / milliseconds} a second, "
            + $"new={Directory.GetFiles(s_fresh).Length}, edges={Coverage.Branches - s_seen.AsSpan().Count((byte)0)}");
    }

    /// <summary>Tells how far it is, and ends a script that does not end.</summary>
    private static void Watch()
    {
        for (long before = -1, quiet = 0; ; before = s_executions)
        {
            Thread.Sleep(10_000);
            quiet = s_executions == before ? quiet + 10 : 0;
            if (quiet >= HangSeconds)
            {
                string file = Path.Combine(s_results, "hang");
                File.WriteAllBytes(file, s_running.AsSpan(0, s_runningSize));
                Console.WriteLine($"fuzz: a script does not end; saved as {file}");
                End(1);
            }
            Say("at");
        }
    }

    private static void End(int code)
    {
        Say("ended at");
        Console.Out.Flush();
        _exit(code); // not by way of libFuzzer, which is in the middle of its loop
    }
}
