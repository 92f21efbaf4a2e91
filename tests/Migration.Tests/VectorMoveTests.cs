using System;
using System.Runtime.Intrinsics.X86;
using Testing;
using Testing.Machines;
using Xunit;

namespace Migration.Tests;

/// <summary>One that needs upper halves of vector registers, which a guest has where the host has them.</summary>
public sealed class RootVectorFactAttribute : FactAttribute
{
    public RootVectorFactAttribute() =>
        Skip = new RootFactAttribute().Skip ?? (Avx2.IsSupported && Fma.IsSupported ? null : "this host has no AVX2 and FMA");
}

/// <summary>
/// A guest whose programs have values in YMM registers, and in no memory, while it moves: one is in the middle of its computation, the other waits in a system call.
/// </summary>
public sealed class VectorMoveTests
{
    [RootVectorFact]
    public void Upper_halves_of_vector_registers_move_along()
    {
        using var space = new Space();
        using var guest = new Guest(space, "domain");
        guest.Load("vectors", 1);
        guest.CheckLoads();
        for (int move = 0; move < 2; move++)
        {
            MoveTests.Move(guest, "domain", move);
            guest.CheckLoads();
        }
    }

    [RootVectorFact]
    public void A_machine_without_them_refuses_before_the_first_page()
    {
        // What is on its way until the refusal comes; the guest has more than fifteen megabytes.
        const int most = 2 << 20;
        using var space = new Space();
        using var guest = new Guest(space, "domain");
        guest.Load("vectors", 1);
        guest.Load("fill", 30);
        using (var lesser = new Machine(space, "domain", Repository.ReadImage("loader-checkpoint"), boot: "10.0.0.22", cpu: "x86-64-v2"))
        {
            string said = guest.Migrate(lesser.Boot);
            Assert.Contains("The destination refuses the checkpoint: it lacks XSAVE, AVX.", said, StringComparison.Ordinal);
            Assert.EndsWith("exit 6", said, StringComparison.Ordinal);
            Assert.True(lesser.BytesReceived < most, $"it has received {lesser.BytesReceived} bytes");
        }
        guest.Hear(30);
        guest.CheckLoads();
    }
}
