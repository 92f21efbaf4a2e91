using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Fuzz;

/// <summary>The folder of scripts that together reach everything that was ever reached, each for something of its own.</summary>
internal static unsafe class Corpus
{
    public const int MaxFiles = 400, MaxBytes = 800_000;

    // SAFETY: as long as the program runs.
    private static readonly byte* s_counters = (byte*)NativeMemory.AllocZeroed(Coverage.Branches + Coverage.States);

    public static byte[][] Read(string folder) => Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes).ToArray();

    /// <summary>Adds what is new in the other folder; what the corpus needs no more goes.</summary>
    /// <exception cref="Violation">A script breaks the node.</exception>
    public static void Merge(string folder, string others)
    {
        byte[][] old = Read(folder), fresh = Directory.Exists(others) ? Read(others) : [];
        List<byte[]> chosen = Choose(old, fresh);
        foreach (string file in Directory.GetFiles(folder))
            File.Delete(file);
        foreach (byte[] script in chosen)
            File.WriteAllBytes(Path.Combine(folder, Convert.ToHexStringLower(SHA1.HashData(script))[..16]), script);
        Console.WriteLine($"fuzz: corpus {old.Length} and {fresh.Length} new scripts, {chosen.Count} kept, {chosen.Sum(script => script.Length)} bytes");
    }

    /// <summary>
    /// Few scripts that reach what all do: first for the pairs of branches themselves, then for how often they are taken and for
    /// states, as far as there is room; old ones first, so that a corpus that has all changes little.
    /// </summary>
    private static List<byte[]> Choose(byte[][] old, byte[][] fresh)
    {
        var world = new World();
        Coverage.CountInto(s_counters);
        List<Reaching> before = old.Select(script => new Reaching(script, Reached(world, script))).OrderBy(script => script.Script.Length).ToList(),
            after = fresh.Select(script => new Reaching(script, Reached(world, script))).OrderBy(script => script.Script.Length).ToList();
        var reached = new HashSet<int>();
        var chosen = new List<Reaching>();
        Add(before, Ever);
        Add(after, Ever);
        Add(before, null);
        Add(after, null);
        return chosen.ConvertAll(script => script.Script);

        // Always the one that adds most, of equal ones the shortest.
        void Add(List<Reaching> scripts, int? only)
        {
            var left = scripts.Except(chosen).Select(script => (From: script, Adds: script.Features.Where(feature => only == null || feature % 4 == only).ToHashSet())).ToArray();
            while (chosen.Count < MaxFiles)
            {
                foreach ((_, HashSet<int> adds) in left)
                    adds.ExceptWith(reached);
                left = left.Where(candidate => candidate.Adds.Count > 0).ToArray();
                if (left.Length == 0)
                    break;
                Reaching best = left.MaxBy(candidate => candidate.Adds.Count).From;
                chosen.Add(best);
                reached.UnionWith(best.Features);
            }
        }
    }

    private sealed record Reaching(byte[] Script, HashSet<int> Features);

    private static HashSet<int> Reached(World world, byte[] script)
    {
        var counted = new Span<byte>(s_counters, Coverage.Branches + Coverage.States);
        counted.Clear();
        world.Run(script);
        var reached = new HashSet<int>();
        for (int i = 0; i < counted.Length; i++)
            if (counted[i] != 0)
            {
                reached.Add(i * 4 + (i < Coverage.Branches ? Often(counted[i]) : 0));
                if (i < Coverage.Branches)
                    reached.Add(i * 4 + Ever);
            }
        return reached;
    }

    /// <summary>However often.</summary>
    private const int Ever = 3;

    /// <summary>Once, a few times, many times.</summary>
    private static int Often(byte count) => count == 1 ? 0 : count < 8 ? 1 : 2;

    /// <summary>How many different pairs of branches in a row the scripts of a folder take.</summary>
    public static int Edges(string folder)
    {
        Coverage.CountInto(s_counters);
        var world = new World();
        return Read(folder).SelectMany(script => Reached(world, script)).Select(feature => feature / 4).Where(pair => pair < Coverage.Branches).Distinct().Count();
    }
}
