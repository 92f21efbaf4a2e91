using System;
using Wire;

namespace Packetd;

/// <summary>One monitor process. Descriptors are in the host's poll table.</summary>
internal struct Machine
{
    public int Pid;

    /// <summary>The last that the monitor said over its control descriptor, and the value that came with it.</summary>
    public uint Said, Value;
}

/// <summary>Starts a monitor as docs/architecture.md ("The monitor") says.</summary>
internal static class MachineStart
{
    private const int CloneVfork = 0x4000, SigChild = 17, SigKill = 9, SigSetMask = 2;
    private const int SetParentDeathSignal = 1, SetStatusFlags = 4;
    private const int LimitCore = 4, LimitProcesses = 6, LimitFiles = 7, LimitData = 2;
    private const ulong MiB = 1 << 20;

    /// <summary>What a monitor may need beside the guest's memory: its own code, heap and translated code.</summary>
    private const ulong OwnMemory = 1024 * MiB;

    /// <param name="theirs">What becomes descriptor 3 and 4, in the order of the host's poll table.</param>
    /// <returns>
    /// The process, or negative. It runs the monitor already, or has said that it failed to: one byte over the control
    /// descriptor, where a monitor's records are longer.
    /// </returns>
    public static unsafe int Start(in Options options, int slot, BootToken token, ReadOnlySpan<int> theirs)
    {
        // All strings of the argument vector that are not constant, one after the other.
        Span<byte> buffer = stackalloc byte[512];
        Line text = new(buffer);
        uint boot = token.BootAddress;
        text.Add("%\0"u8, token.MemoryMiB);
        int mac = text.Length;
        text.Add("02:45:~:~:~:~\0"u8, boot >> 24, boot >> 16, boot >> 8, boot);
        int append = text.Length;
        text.Add("evilman.boot=@/% evilman.gateway=@ evilman.loader="u8, boot, token.PrefixLength, token.Gateway);
        for (int i = 0; i < token.Loader.Length; i++)
            text.Add("~"u8, token.Loader[i]);
        for (int i = 0; i < token.GuestCount; i++)
            text.Add(i == 0 ? " evilman.guests=@"u8 : ",@"u8, token.Guest(i));
        text.Add(0);

        byte* strings = (byte*)Kernel.At(buffer);
        byte* names = (byte*)Kernel.At("--kernel\0--memory\0--mac\0--net-fd\03\0--control-fd\04\0--offload\0on\0off\0--append\0"u8);
        // SAFETY: each pointer is the beginning of a terminated string: offsets into the literal, or into the text.
        byte** arguments = stackalloc byte*[]
        {
            options.Monitor, names, options.Firmware, names + 9, strings, names + 18, strings + mac, names + 24, names + 33,
            names + 35, names + 48, names + 50, options.Offload ? names + 60 : names + 63, names + 67, strings + append, null,
        };
        // With CLONE_VFORK the parent goes on when the monitor runs or the child has given up.
        int parent = Kernel.Do(Call.GetPid), pid = Kernel.Do(Call.Clone, CloneVfork | SigChild);
        if (pid != 0)
            return pid;
        if (BecomeMonitor(in options, slot, token.MemoryMiB, parent, theirs))
            Kernel.Do(Call.Execve, (nint)options.Monitor, (nint)arguments, (nint)(arguments + 15));
        Kernel.Write(4, "!"u8);
        Kernel.Write(theirs[LinuxHost.ControlAt], "!"u8);
        Kernel.Exit(127);
        return -1;
    }

    /// <summary>In the child: everything that is to be gone before a line of the monitor runs.</summary>
    private static bool BecomeMonitor(in Options options, int slot, uint memory, int parent, ReadOnlySpan<int> theirs)
    {
        Kernel.Do(Call.SetSid);
        Kernel.Do(Call.SigProcMask, SigSetMask, Kernel.At(stackalloc ulong[1]), 0, 8);
        // 3 and 4 were packetd's sockets, which this process has no use for; the pairs are above.
        // What a monitor says goes where packetd's standard output goes, where packetd itself says nothing.
        bool done = Kernel.Do(Call.Dup3, 1, 2) >= 0
            && Kernel.Do(Call.Dup3, theirs[LinuxHost.FramesAt], 3) >= 0 && Kernel.Do(Call.Dup3, theirs[LinuxHost.ControlAt], 4) >= 0
            && Kernel.Do(Call.CloseRange, 5, -1) >= 0
            && Limit(LimitCore, 0) && Limit(LimitFiles, 64) && Limit(LimitData, memory * MiB + OwnMemory);
        // Blocking, as a program expects that knows nothing about them.
        for (int descriptor = 3; descriptor <= 4; descriptor++)
            Kernel.Do(Call.Fcntl, descriptor, SetStatusFlags);
        int user = (int)options.UidBase + slot;
        if (options.UidBase != 0)
            done = done && Limit(LimitProcesses, 64) && Kernel.Do(Call.SetGroups) == 0
                && Kernel.Do(Call.SetResGid, user, user, user) == 0 && Kernel.Do(Call.SetResUid, user, user, user) == 0;
        // Changing the user clears the death signal, so it comes last; the parent may have died before.
        return done && Confinement.KeepCapabilities(0) == 0 && Kernel.Do(Call.Prctl, SetParentDeathSignal, SigKill) == 0
            && Kernel.Do(Call.GetPpid) == parent;
    }

    private static bool Limit(int resource, ulong value) =>
        Kernel.Do(Call.Prlimit, 0, resource, Kernel.At(stackalloc ulong[] { value, value })) == 0; // struct rlimit64
}
