using System.Runtime;

namespace Forbidden;

/// <summary>
/// What a freestanding image must not contain, one at a time by -p:Sin=…: each has to fail the build.
/// Deliberately no part of the solution's build.
/// </summary>
internal static class Program
{
    private sealed class Thing
    {
        public int Value;
    }

    /// <summary>Written by some of the sins only.</summary>
    internal static object? Kept;

    [RuntimeExport("freestanding_main")]
    private static unsafe int Main(int argc, byte** argv, byte** envp)
    {
#if ALLOCATION
        Kept = new Thing { Value = argc };
#elif ARRAY
        Kept = new int[argc];
#elif BOXING
        Kept = argc;
#elif THROW
        if (argc > 5)
            throw new System.Exception();
#endif
        return Kept == null ? 0 : 1;
    }
}
