using System.Runtime;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>Addresses and routines of Traps.S.</summary>
internal static unsafe class Symbols
{
    [RuntimeImport("*", "symbol_trap_stubs"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong TrapStubs();

    [RuntimeImport("*", "symbol_first_return"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong FirstReturn();

    [RuntimeImport("*", "symbol_syscall_entry"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong SyscallEntry();

    [RuntimeImport("*", "symbol_syscall_entry_32"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong SyscallEntry32();

    /// <summary>The instruction that goes back to what was interrupted.</summary>
    [RuntimeImport("*", "symbol_trap_iret"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong TrapIret();

    [RuntimeImport("*", "serve_interrupts"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void ServeInterrupts();

    [RuntimeImport("*", "current_processor"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern LogicalProcessor* CurrentProcessor();

    [RuntimeImport("*", "current_thread"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void* CurrentThread();

    [RuntimeImport("*", "switch_context"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void SwitchContext(ulong* save, ulong load);

    /// <summary>A page (Vdso.S).</summary>
    [RuntimeImport("*", "symbol_vdso_image"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern byte* VdsoImage();

    /// <summary>FXSAVE64 and FXRSTOR64 of an image that is aligned to 16 bytes.</summary>
    [RuntimeImport("*", "save_float"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void SaveFloat(byte* image);

    [RuntimeImport("*", "load_float"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void LoadFloat(byte* image);

    /// <summary>The upper halves of the YMM registers, which must be switched on, to 256 bytes and back.</summary>
    [RuntimeImport("*", "save_upper"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void SaveUpper(byte* to);

    [RuntimeImport("*", "load_upper"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void LoadUpper(byte* from);

    /// <summary>
    /// Switches the upper halves on: CR4.OSXSAVE and XCR0. All become zero. The processor must have AVX.
    /// </summary>
    [RuntimeImport("*", "switch_on_upper"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void SwitchOnUpper();

    /// <summary>Loads a page-table root and calls kernel_start on the empty boot stack. Does not return.</summary>
    [RuntimeImport("*", "enter_kernel_tables"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void EnterKernelTables(ulong root, ulong argument);

    [RuntimeImport("*", "load_segments"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void LoadSegments(void* descriptor);
}
