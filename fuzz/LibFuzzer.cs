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

    private static readonly World world = new();
    private static readonly Stopwatch clock = Stopwatch.StartNew();
    private static readonly byte[] seen = new byte[Coverage.Branches];
    private static readonly byte[] running = new byte[Mutator.MaxSize];
    private static byte[] another = [];
    private static int runningSize;
    private static byte* counters;
    private static string results = "", fresh = "";
    private static long executions, deadline;

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
        (results, fresh) = (into, Path.Combine(into, "new"));
        Directory.CreateDirectory(fresh);
        counters = fuzz_counters();
        Coverage.CountInto(counters);
        fuzz_set_mutator(&Mutate);
        deadline = seconds * 1000L;
        new Thread(Watch) { IsBackground = true }.Start();
        string[] arguments =
        [
            "fuzz", fresh, corpus, $"-max_len={Mutator.MaxSize}", $"-seed={seed}", "-entropic_scale_per_exec_time=1", "-verbosity=0", "-reload=0", "-timeout=0", "-rss_limit_mb=0",
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
        script.CopyTo(running);
        runningSize = script.Length;
        if ((executions & 63) == 0)
            another = script.ToArray();
        if (Finding.Try(world, script) != null)
            Crash(script.ToArray());
        Note();
        if ((++executions & 15) == 0 && clock.ElapsedMilliseconds >= deadline)
            End(0);
        return 0;
    }

    [UnmanagedCallersOnly]
    private static nuint Mutate(byte* data, nuint size, nuint max, uint seed) =>
        // SAFETY: libFuzzer's buffer has that much room.
        (nuint)Mutator.Mutate(new Span<byte>(data, (int)max), (int)size, another, new Random((int)seed));

    /// <summary>Remembers which pairs of branches were ever seen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Note()
    {
        // SAFETY: as many counters as are seen.
        ReadOnlySpan<ulong> counted = new(counters, Coverage.Branches / 8);
        Span<ulong> known = MemoryMarshal.Cast<byte, ulong>(seen.AsSpan());
        for (int i = 0; i < counted.Length; i++)
            if (counted[i] != 0)
                known[i] |= counted[i];
    }

    private static void Crash(byte[] script)
    {
        Coverage.CountInto((byte*)NativeMemory.AllocZeroed(Coverage.Branches + Coverage.States));
        Console.WriteLine($"fuzz: broken after {executions} executions, {clock.ElapsedMilliseconds / 1000} s; the shortest script that does it:");
        string file = Finding.Save(world, Finding.Shrink(world, script), results, Console.Out);
        Console.WriteLine($"fuzz: saved as {file}");
        End(1);
    }

    private static void Say(string state)
    {
        long milliseconds = Math.Max(1, clock.ElapsedMilliseconds);
        Console.WriteLine($"fuzz: {state} {milliseconds / 1000} s, executions={executions}, {executions * 1000 / milliseconds} a second, "
            + $"new={Directory.GetFiles(fresh).Length}, edges={Coverage.Branches - seen.AsSpan().Count((byte)0)}");
    }

    /// <summary>Tells how far it is, and ends a script that does not end.</summary>
    private static void Watch()
    {
        for (long before = -1, quiet = 0; ; before = executions)
        {
            Thread.Sleep(10_000);
            quiet = executions == before ? quiet + 10 : 0;
            if (quiet >= HangSeconds)
            {
                string file = Path.Combine(results, "hang");
                File.WriteAllBytes(file, running.AsSpan(0, runningSize));
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
