using System;
using System.IO;
using System.Security.Cryptography;

namespace Fuzz;

/// <summary>A script that breaks the node: made as short as it goes, saved, and told.</summary>
internal static class Finding
{
    /// <summary>What a script does to a node; nothing when all is well.</summary>
    public static Exception? Try(World world, ReadOnlySpan<byte> script)
    {
        try
        {
            world.Run(script);
            return null;
        }
        catch (Exception broken)
        {
            Coverage.Off();
            return broken;
        }
    }

    /// <summary>The shortest script that breaks the node in the same way, as far as leaving out steps and bytes leads.</summary>
    public static byte[] Shrink(World world, byte[] script)
    {
        if (Try(world, script) is not { } broken)
            return script;
        string way = Way(broken);
        for (bool shorter = true; shorter;)
        {
            shorter = false;
            for (int at = 0, length; (length = Step.SizeOf(script.AsSpan(at))) != 0;)
            {
                byte[] without = [.. script.AsSpan(0, at), .. script.AsSpan(at + length)];
                if (Same(world, without, way) || Same(world, Nearer(without, at), way))
                    (script, shorter) = (without, true);
                else
                    at += length;
            }
        }
        for (int at = 0; at < script.Length; at++)
        {
            byte kept = script[at];
            script[at] = (byte)(at == 0 ? kept & 15 : 0);
            if (!Same(world, script, way))
                script[at] = kept;
        }
        return script;
    }

    /// <summary>Repetitions after a place look back by one packet less: one is missing before it.</summary>
    private static byte[] Nearer(byte[] script, int from)
    {
        for (int at = from, length; (length = Step.SizeOf(script.AsSpan(at))) != 0; at += length)
            if ((script[at] & 15) % Step.Kinds == (int)StepKind.Again && script[at + 1] > 0)
                script[at + 1]--;
        return script;
    }

    private static bool Same(World world, byte[] script, string way) => Try(world, script) is { } broken && Way(broken) == way;

    private static string Way(Exception broken) => broken is Violation ? broken.Message : broken.GetType().Name;

    /// <summary>
    /// Saves a script in a folder, and beside it what it does; the description is written to the writer, too.
    /// </summary>
    /// <returns>The file.</returns>
    public static string Save(World world, byte[] script, string folder, TextWriter to)
    {
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, "crash-" + Convert.ToHexStringLower(SHA1.HashData(script))[..16]);
        File.WriteAllBytes(file, script);
        using var story = new StringWriter();
        Tell(world, script, story);
        File.WriteAllText(file + ".txt", story.ToString());
        to.Write(story);
        return file;
    }

    /// <summary>Writes line by line what a script does and how it ends; whether it ended well.</summary>
    public static bool Tell(World world, byte[] script, TextWriter to)
    {
        world.Story = line => to.WriteLine("  " + line);
        Exception? broken = Try(world, script);
        world.Story = null;
        to.WriteLine(broken == null ? "  all is well" : $"  BROKEN: {(broken is Violation ? broken.Message : broken.ToString())}");
        return broken == null;
    }
}
