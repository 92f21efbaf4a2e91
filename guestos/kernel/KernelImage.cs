using System.Runtime;
using System.Runtime.CompilerServices;

namespace Guestos;

/// <summary>Where the parts of the kernel's image begin and end: virtual addresses that kernel.ld defines.</summary>
internal static class KernelImage
{
    [RuntimeImport("*", "symbol_kernel_text_start"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong TextStart();

    [RuntimeImport("*", "symbol_kernel_rodata_start"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong RodataStart();

    [RuntimeImport("*", "symbol_kernel_data_start"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong DataStart();

    [RuntimeImport("*", "symbol_kernel_end"), MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong End();
}
