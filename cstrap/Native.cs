using System.Runtime;
using System.Runtime.CompilerServices;

namespace Cstrap;

/// <summary>What Interrupts.S, Wipe.S and the linker script know.</summary>
internal static unsafe class Native
{
    [RuntimeImport("*", "interrupt_wake_address"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong WakeHandler();

    [RuntimeImport("*", "interrupt_spurious_address"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong SpuriousHandler();

    [RuntimeImport("*", "interrupt_exception_address"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong ExceptionHandler();

    /// <summary>Clears so many bytes, a multiple of 8, below the caller's frame.</summary>
    [RuntimeImport("*", "wipe_stack"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void WipeStack(ulong bytes);

    /// <summary>One past the firmware's image, stack and page tables.</summary>
    [RuntimeImport("*", "image_end_address"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern byte* ImageEnd();
}
