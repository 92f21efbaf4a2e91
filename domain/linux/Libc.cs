using System.Runtime.InteropServices;

namespace Domain.Linux;

/// <summary>The few calls the monitor makes into the C library. Names, constants and layouts are Linux's, x86-64.</summary>
internal static unsafe partial class Libc
{
    public const int PROT_READ = 1, PROT_WRITE = 2;
    public const int MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000;
    public static readonly void* MAP_FAILED = (void*)-1;

    [LibraryImport("libc", SetLastError = true)]
    public static partial void* mmap(void* address, nuint length, int protection, int flags, int descriptor, long offset);
}
