using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using Packetd;
using Testing;
using Testing.Nodes;
using Wire;
using Xunit;

namespace Fuzz.Tests;

/// <summary>
/// The corpus and its mutations as frames on the shipped binary's wire, as fast as it takes them. Nobody judges single
/// answers here; a watchdog sees that packetd goes on, and that afterwards it is as it was.
/// </summary>
public class BinaryTests
{
    private const int FrameCount = 60_000, Batch = 100;
    private const uint Mark = 0xF0220000;

    private uint number;
    private int sent, honoured, played;

    [RootFact]
    public void The_corpus_mutated_and_sent_at_speed_leaves_the_shipped_binary_as_it_was()
    {
        using var lab = new Lab("--max-domains", $"{World.Slots}", "--max-memory", $"{Judge.MaxMemory}", "--chain-steps", $"{Judge.MaxSteps}");
        byte[][] corpus = Corpus.Read(CorpusTests.Folder);
        var random = new Random(22);
        foreach (byte[] script in corpus)
            Play(lab, script);
        EndAll(lab);
        (int descriptors, long size, long resident) = (lab.Descriptors, Kilobytes(lab, "VmSize"), Kilobytes(lab, "VmRSS"));
        int before = honoured;

        byte[] memory = new byte[Mutator.MaxSize];
        for (int i = 0; sent < FrameCount; i++)
        {
            byte[] script = corpus[i % corpus.Length];
            script.CopyTo(memory, 0);
            Play(lab, memory[..Mutator.Mutate(memory, script.Length, corpus[random.Next(corpus.Length)], random)]);
        }
        EndAll(lab);

        Assert.True(honoured > before + 100, $"only {honoured - before} tokens got through: the mutations do not reach far");
        Assert.Equal(descriptors, lab.Descriptors);
        Assert.Equal(size, Kilobytes(lab, "VmSize"));
        // What remembers tokens and accounts has its pages when it first needs them; nothing else may grow.
        int each = Unsafe.SizeOf<UsedToken>() + Unsafe.SizeOf<Account>();
        Assert.InRange(Kilobytes(lab, "VmRSS"), 0, resident + 4 + (honoured - before) * each / 1024 + 4);
        AssertServesWithinASecond(lab);
    }

    /// <summary>Sends what a script sends. Whenever enough has gathered, packetd must have been through it all before it goes on.</summary>
    private void Play(Lab lab, byte[] script)
    {
        var world = new World((ulong)DateTimeOffset.UtcNow.ToUnixTimeSeconds()) { Salt = ++played };
        Assert.Null(Finding.Try(world, script));
        foreach ((uint sender, byte[] packet) in world.Taken)
        {
            // A domain's packet goes to its puppet, which sends it.
            byte[] framed = sender == 0 ? packet : Frames.Ethernet(Frames.Mac(sender), Frames.ClientMac, 0x88B5, [0, .. packet]);
            if (!PacketSocket.Send(lab.Socket, framed.AsSpan(Math.Min(10, framed.Length))))
                continue; // shorter or longer than a frame can be
            if (++sent % Batch == 0)
                AwaitPing(lab);
        }
    }

    private void AwaitPing(Lab lab)
    {
        byte[] payload = new byte[4];
        Bytes.PutBe32(payload, 0, Mark + ++number % 0x10000);
        lab.Send(Frames.Echo(payload));
        Assert.True(lab.Await(frame =>
        {
            if (frame.Length == 42 + MagicReply.Size && frame[34] == 0 && MagicReply.TryParse(frame.AsSpan(42), out MagicReply reply) && reply.Refusal == Refusal.None)
                honoured++;
            return frame.Length == 46 && frame[34] == 0 && frame.AsSpan(42).SequenceEqual(payload);
        }) != null, $"packetd does not answer after {sent} frames; its log ends: {string.Join(" / ", lab.Log.TakeLast(3))}");
        if (Programs.Children(lab.Pid).Length == World.Slots)
            EndDomains(lab);
    }

    /// <summary>Until packetd has been through everything, what the ends of its machines bring included.</summary>
    private void EndAll(Lab lab)
    {
        do
        {
            EndDomains(lab);
            AwaitPing(lab);
        }
        while (Programs.Children(lab.Pid).Length > 0);
    }

    private static void EndDomains(Lab lab)
    {
        for (int[] running; (running = Programs.Children(lab.Pid)).Length > 0;)
            foreach (int pid in running)
            {
                PacketSocket.kill(pid, 9);
                Programs.AssertEnds(pid);
            }
    }

    private static long Kilobytes(Lab lab, string field) =>
        long.Parse(File.ReadLines($"/proc/{lab.Pid}/status").First(line => line.StartsWith(field + ":", StringComparison.Ordinal)).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1]);

    private void AssertServesWithinASecond(Lab lab)
    {
        // On a busy machine one try may wait for a processor.
        long best = long.MaxValue;
        for (int tries = 0; tries < 5 && best > 1000; tries++)
        {
            var clock = Stopwatch.StartNew();
            AwaitPing(lab);
            Assert.Equal(Refusal.None, lab.Ping(Lab.Token(900 + tries).Payload()));
            best = Math.Min(best, clock.ElapsedMilliseconds);
            EndDomains(lab);
        }
        Assert.InRange(best, 0, 1000);
    }
}
