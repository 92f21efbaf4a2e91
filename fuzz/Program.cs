using System;
using System.IO;
using System.Linq;
using Fuzz;
using SharpFuzz;

// What of Wire is ring 0's: not what mints, pays or prints, and not SHA-1's rounds, which take every branch for every block.
string[] counted = ["Wire.BootToken", "Wire.Bytes", "Wire.EndRequest", "Wire.HashChain", "Wire.HmacSha1", "Wire.MachineKey", "Wire.MagicPing", "Wire.MagicReply"];

// The commands that fuzz/run uses, and those for looking at a finding.
switch (args)
{
    case ["instrument", .. string[] assemblies]:
        foreach (string assembly in assemblies)
            Fuzzer.Instrument(assembly, type => type.StartsWith("Packetd.", StringComparison.Ordinal) || counted.Contains(type), Options.Value);
        return 0;
    case ["run", string driver, string corpus, string results, string seconds]:
        return LibFuzzer.Run(driver, corpus, results, int.Parse(seconds), (uint)Environment.TickCount);
    case ["merge", string corpus, string others]:
        Corpus.Merge(corpus, others);
        return 0;
    case ["edges", string corpus]:
        Console.WriteLine($"edges={Corpus.Edges(corpus)} corpus={Directory.GetFiles(corpus).Length}");
        return 0;
    case ["tell", string script]:
        return Finding.Tell(new World(), File.ReadAllBytes(script), Console.Out) ? 0 : 1;
    default:
        Console.Error.WriteLine("""
            fuzz run DRIVER CORPUS RESULTS SECONDS   looks for scripts that break the node, beginning with the corpus
            fuzz merge CORPUS OTHERS                 adds to the corpus what is new in the other folder
            fuzz edges CORPUS                        how many pairs of branches of ring 0 the corpus takes
            fuzz tell SCRIPT                         what a script does, line by line
            """);
        return 2;
}
