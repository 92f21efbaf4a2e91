using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Testing;
using Wire;
using Xunit;

namespace Fuzz.Tests;

/// <summary>What the fuzzer once reached is reached again, and holds; and a bounded number of new mutations does, too.</summary>
public class CorpusTests
{
    private const int Mutations = 60_000;

    public static string Folder => Path.Combine(Repository.Root, "fuzz", "corpus");

    [Fact]
    public void The_corpus_is_small_holds_and_reaches_every_refusal()
    {
        byte[][] corpus = Corpus.Read(Folder);
        Assert.InRange(corpus.Length, 1, Corpus.MaxFiles);
        Assert.InRange(corpus.Sum(script => script.Length), 1, Corpus.MaxBytes);
        var said = new HashSet<string>();
        var world = new World { Story = line => said.Add(line.Trim()) };
        foreach (byte[] script in corpus)
            AssertHolds(world, script);
        string[] outcomes = ["a domain starts", "a domain is ended", "domain 0 is purged", "answered", "passed to the link", .. Enumerable.Range(0, World.Slots).Select(slot => $"passed to domain {slot}"),
            // It takes 167,000 payments to be paid too much (Packetd.Tests/Meter).
            .. Enum.GetValues<Refusal>().Where(refusal => refusal is not (Refusal.None or Refusal.TooMuchPaid)).Select(refusal => $"refused: {refusal}")];
        Assert.Empty(outcomes.Except(said));
    }

    [Fact]
    public void Mutations_of_the_corpus_hold()
    {
        var world = new World();
        int ran = Mutate(seed: 20, script =>
        {
            AssertHolds(world, script);
            return false;
        });
        Assert.Equal(Mutations, ran);
    }

    /// <summary>That a fuzzer finds nothing says something only of one that would.</summary>
    [Fact]
    public void A_node_that_starts_again_within_the_second_is_found_out()
    {
        var world = new World { SecondsToRestart = 0 };
        byte[] found = [];
        int ran = Mutate(seed: 21, script => Finding.Try(world, found = script) != null);
        Assert.InRange(ran, 1, Mutations - 1);
        byte[] shrunk = Finding.Shrink(world, found);
        using var story = new StringWriter();
        Assert.False(Finding.Tell(world, shrunk, story));
        string[] lines = story.ToString().TrimEnd().Split('\n');
        Assert.Equal("  BROKEN: a token was honoured twice", lines[^1]);
        // A token, its domain, a restart, and the token again.
        Assert.InRange(lines.Length, 5, 6);
        Assert.Contains("  restart", lines);
    }

    [Fact]
    public void Every_byte_string_is_a_script_and_stays_one()
    {
        var random = new Random(23);
        var world = new World();
        byte[] memory = new byte[Mutator.MaxSize];
        for (int i = 0; i < 2000; i++)
        {
            random.NextBytes(memory);
            int size = random.Next(memory.Length + 1);
            AssertHolds(world, memory[..size]);
            Assert.InRange(Mutator.Mutate(memory, size, memory[..random.Next(memory.Length)], random), 0, memory.Length);
            ReadOnlySpan<byte> left = memory.AsSpan(0, size);
            for (int whole = Step.SizeOf(left); Step.TryTake(ref left, out _); whole += Step.SizeOf(left))
                Assert.Equal(size - whole, left.Length);
        }
    }

    private static int Mutate(int seed, Predicate<byte[]> enough)
    {
        byte[][] corpus = Corpus.Read(Folder);
        var random = new Random(seed);
        byte[] memory = new byte[Mutator.MaxSize];
        for (int ran = 0; ran < Mutations; ran++)
        {
            byte[] script = corpus[ran % corpus.Length];
            script.CopyTo(memory, 0);
            int size = Mutator.Mutate(memory, script.Length, corpus[random.Next(corpus.Length)], random);
            if (enough(memory[..size]))
                return ran + 1;
        }
        return Mutations;
    }

    private static void AssertHolds(World world, byte[] script)
    {
        if (Finding.Try(world, script) is not { } broken)
            return;
        using var story = new StringWriter();
        Finding.Tell(world, Finding.Shrink(world, script), story);
        Assert.Fail($"{broken.Message}\n{story}{Convert.ToHexString(script)}");
    }
}
