using System;
using System.Collections.Generic;

namespace Workload;

/// <summary>A product of matrices, a dictionary, and trees for the garbage collector: the same answer on each machine.</summary>
internal static class Program
{
    private const int Size = 160, Words = 120_000, Depth = 14, Trees = 12;

    private sealed class Node(Node? left, Node? right)
    {
        public int Count => 1 + (left?.Count ?? 0) + (right?.Count ?? 0);
    }

    private static void Main()
    {
        double trace = Matrices();
        ulong sum = Hashes();
        int nodes = 0;
        for (int i = 0; i < Trees; i++)
            nodes += Grow(Depth).Count;
        Console.WriteLine($"{trace:r} {sum:x} {nodes}");
    }

    private static double Matrices()
    {
        double[,] a = new double[Size, Size], b = new double[Size, Size], product = new double[Size, Size];
        for (int row = 0; row < Size; row++)
        {
            for (int column = 0; column < Size; column++)
            {
                a[row, column] = row - column;
                b[row, column] = row * column % 17;
            }
        }
        double trace = 0;
        for (int row = 0; row < Size; row++)
        {
            for (int column = 0; column < Size; column++)
            {
                double sum = 0;
                for (int i = 0; i < Size; i++)
                    sum += a[row, i] * b[i, column];
                product[row, column] = sum;
            }
            trace += product[row, row];
        }
        return trace;
    }

    private static ulong Hashes()
    {
        var counts = new Dictionary<ulong, int>();
        ulong state = 1, sum = 0;
        for (int i = 0; i < Words; i++)
        {
            state = state * 6364136223846793005 + 1442695040888963407;
            ulong key = state >> 46;
            counts[key] = counts.GetValueOrDefault(key) + i;
        }
        foreach (var (key, count) in counts)
            sum += key * (ulong)count;
        return sum;
    }

    private static Node Grow(int depth) => depth == 0 ? new Node(null, null) : new Node(Grow(depth - 1), Grow(depth - 1));
}
