using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Iced.Intel;
using Testing.Processor;

namespace Domain.Bench;

/// <summary>
/// Every user-mode instruction that is announced, on random and extreme operands, on both engines and on the host's
/// processor. Compiled ahead of time, so that no compiler raises flags between.
/// </summary>
internal static class Conformance
{
    private const int MaxShown = 40, SecondsBetweenWords = 10;

    private sealed class Class
    {
        public int Instructions;
        public long Cases, Different;
    }

    /// <returns>the exit code</returns>
    public static int Run(long cases, int seed)
    {
        Console.WriteLine($"conformance: {cases} cases, SEED={seed}");
        TestMachine[] engines = [new TestMachine(true, int.MaxValue), new TestMachine(true)];
        (Code Code, int Bits)[] forms = [.. RandomInstruction.Codes().Select(code => (code, 64)),
            .. RandomInstruction.Codes(32).Select(code => (code, 32))];
        var classes = new SortedDictionary<string, Class>(StringComparer.Ordinal);
        var classOf = new Class[forms.Length];
        for (int form = 0; form < forms.Length; form++)
        {
            string name = new Instruction { Code = forms[form].Code }.CpuidFeatures[^1]
                + (forms[form].Bits == 32 ? ", 32-bit code" : "");
            if (!classes.TryGetValue(name, out var found))
                classes.Add(name, found = new Class());
            found.Instructions++;
            classOf[form] = found;
        }
        var clock = Stopwatch.StartNew();
        double next = SecondsBetweenWords;
        long different = 0;
        for (long i = 0; i < cases; i++)
        {
            int form = (int)(i % forms.Length);
            var (code, bits) = forms[form];
            // Neighbours share what memory holds.
            string? difference = HostComparison.Compare(engines, code, (int)(seed + i), bits);
            classOf[form].Cases++;
            if (difference != null)
            {
                classOf[form].Different++;
                different++;
                if (different <= MaxShown)
                    Console.WriteLine(difference);
            }
            if ((i & 1023) == 0 && clock.Elapsed.TotalSeconds > next)
            {
                next += SecondsBetweenWords;
                Console.WriteLine($"{clock.Elapsed.TotalSeconds,5:f0} s, {i} cases, {different} different");
            }
        }
        foreach (var (name, counts) in classes)
            Console.WriteLine($"{name,-28} {counts.Instructions,4} instructions, {counts.Cases,9} cases, {counts.Different} different");
        Console.WriteLine($"conformance: {(different == 0 ? "ok" : "failed")} cases={cases} instructions={forms.Length} "
            + $"engines={engines.Length} different={different} seconds={clock.Elapsed.TotalSeconds:f0}");
        return different == 0 ? 0 : 1;
    }
}
