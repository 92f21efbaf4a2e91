using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

namespace Launcher;

/// <summary>
/// The machine key for the firmware, in a file without a name: the monitor opens descriptor 5 by its path, so the key
/// is in no argument and in no folder. Such a file is memory that no limit of a process counts, so it is sealed as it
/// is (memfd_create(2)): the monitor writes nothing to it.
/// </summary>
internal static class KeyFile
{
    private const int Descriptor = 5;
    private const int Seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

    /// <summary>False when it cannot be made, and that has been said.</summary>
    public static bool Make(ReadOnlySpan<byte> machineKey)
    {
        Span<byte> module = stackalloc byte[KeyModule.Size];
        KeyModule.Emit(module, machineKey);
        ReadOnlySpan<byte> name = "machine-key"u8; // for people who look at descriptors
        int file = Syscall.Call(CallNumber.MemfdCreate, Syscall.AddressOf(name), MFD_NOEXEC_SEAL);
        if (file == EINVAL) // before Linux 6.3
            file = Syscall.Call(CallNumber.MemfdCreate, Syscall.AddressOf(name), MFD_ALLOW_SEALING);
        int code = file < 0 ? file : Syscall.Write(file, module);
        if (code > 0)
            code = Syscall.Call(CallNumber.Fcntl, file, F_ADD_SEALS, Seals);
        if (code == 0 && file != Descriptor)
        {
            code = Syscall.Call(CallNumber.Dup3, file, Descriptor);
            Syscall.Close(file);
        }
        if (code < 0)
            Failure.Say(Failure.NotStarted, "cannot pass the machine key on"u8, ""u8, code);
        return code >= 0;
    }
}
