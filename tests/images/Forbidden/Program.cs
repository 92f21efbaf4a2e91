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

    private static object? s_kept;

    [RuntimeExport("freestanding_main")]
    private static unsafe int Main(int argc, byte** argv, byte** envp)
    {
#if ALLOCATION
        s_kept = new Thing { Value = argc };
#elif ARRAY
        s_kept = new int[argc];
#elif BOXING
        s_kept = argc;
#elif THROW
        if (argc > 5)
            throw new System.Exception();
#endif
        return s_kept == null ? 0 : 1;
    }
}
