using System.Runtime.InteropServices;

namespace Domain;

/// <summary>The host thread's MXCSR, which the guest's SSE instructions run under.</summary>
/// <remarks>
/// While the guest runs it holds the guest's rounding mode, flush-to-zero and denormals-are-zero, and gathers the
/// exception flags; all exceptions are masked in it. Outside it is what the runtime expects: while code is decoded and
/// translated, while a device is accessed, and while anything else may allocate, since a collection of garbage computes
/// with floating point. fenv_t is the x87 environment and then MXCSR (System V ABI for x86-64, 3.2.3; glibc's and
/// musl's fenv.h).
/// </remarks>
internal static unsafe partial class HostFloat
{
    public const uint Flags = 0x3f, Invalid = 1, Precision = 0x20, DenormalsAreZero = 0x40;
    private const uint Masks = 0x1f80;

    /// <summary>RC and FTZ; the latter counts while underflow is masked only (SDM vol. 1, 10.2.3.3).</summary>
    private const uint Rounding = 0x6000, FlushToZero = 0x8000, UnderflowMask = 0x800;

    /// <summary>Some exception is not masked: operations that may raise it are followed by a look at it.</summary>
    public static bool IsUnmasked(uint mxcsr) => (mxcsr & Masks) != Masks;

    private static uint Control(uint mxcsr) => mxcsr & (DenormalsAreZero | Rounding)
        | ((mxcsr & UnderflowMask) != 0 ? mxcsr & FlushToZero : 0);

    [StructLayout(LayoutKind.Explicit, Size = 32)]
    private struct Environment
    {
        [FieldOffset(28)]
        public uint Mxcsr;
    }

    [LibraryImport("libm.so.6")]
    [SuppressGCTransition]
    private static partial int fegetenv(Environment* environment);

    [LibraryImport("libm.so.6")]
    [SuppressGCTransition]
    private static partial int fesetenv(Environment* environment);

    /// <summary>
    /// Loads MXCSR: by generated code where there is some, as the C library's functions take ten times as long.
    /// </summary>
    /// <returns>what it was</returns>
    private static uint Exchange(CpuState* s, uint value)
    {
        if (s->ExchangeMxcsr != 0)
            return ((delegate* unmanaged[SuppressGCTransition]<uint, uint>)s->ExchangeMxcsr)(value);
        Environment environment;
        fegetenv(&environment);
        uint before = environment.Mxcsr;
        environment.Mxcsr = value;
        fesetenv(&environment);
        return before;
    }

    /// <summary>The guest's arithmetic follows.</summary>
    public static void Enter(CpuState* s) => Exchange(s, Masks | Control(s->Mxcsr));

    /// <summary>The monitor's own arithmetic follows. The guest's register has its flags.</summary>
    public static void Leave(CpuState* s) => s->Mxcsr |= Exchange(s, Masks) & Flags;

    /// <summary>Brings the flags that have been raised into the guest's register.</summary>
    public static void Collect(CpuState* s)
    {
        Leave(s);
        Enter(s);
    }

    /// <summary>
    /// The guest loads its register. Where that changes whether some exception is not masked, what comes next is
    /// decoded otherwise: then the instruction has to end its block, and this is true.
    /// </summary>
    public static bool Set(CpuState* s, uint value)
    {
        bool changes = IsUnmasked(s->Mxcsr) != IsUnmasked(value);
        s->Mxcsr = value;
        Enter(s);
        return changes;
    }

    /// <summary>An exception of what is computed without the host's floating point.</summary>
    public static void Note(CpuState* s, uint flag)
    {
        s->Mxcsr |= flag;
        s->Raised |= flag;
    }

    /// <summary>What has been raised since <see cref="Collect"/>, which the guest's register has not yet.</summary>
    public static uint TakeRaised(CpuState* s) => Exchange(s, Masks | Control(s->Mxcsr)) & Flags;
}
