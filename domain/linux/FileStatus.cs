namespace Domain.Linux;

/// <summary>What kind of file a descriptor stands for (fstat(2)).</summary>
internal static unsafe class FileStatus
{
    private const int SYS_fstat = 5;

    // struct stat, x86-64: 144 bytes, st_mode at 24.
    private const int StatusBytes = 144, ModeOffset = 24;
    private const uint TypeMask = 0xf000, Regular = 0x8000;

    /// <summary>False also when the descriptor is not open.</summary>
    public static bool IsRegular(int descriptor)
    {
        byte* status = stackalloc byte[StatusBytes];
        return Libc.syscall(SYS_fstat, descriptor, (nint)status, 0, 0, 0, 0) == 0
            && (*(uint*)(status + ModeOffset) & TypeMask) == Regular;
    }
}
