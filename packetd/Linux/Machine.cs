using System;
using Wire;

namespace Packetd;

/// <summary>One monitor process, and the node's end of its control descriptor.</summary>
internal struct Machine
{
    public int Pid, Control;
}

/// <summary>Starts a monitor as docs/architecture.md ("The monitor") says.</summary>
internal static class MachineStart
{
    private const int CloneVfork = 0x4000, SigChild = 17, SigKill = 9, SigSetMask = 2, SetParentDeathSignal = 1;
    private const int LimitCpu = 0, LimitData = 2, LimitCore = 4, LimitProcesses = 6, LimitFiles = 7;

    /// <summary>What a monitor may need beside the guest's memory: its own code, heap and translated code, in MiB.</summary>
    private const ulong OwnMemory = 1024;

    /// <param name="frames">What becomes the process's descriptor 3.</param>
    /// <param name="control">What becomes descriptor 4.</param>
    /// <returns>
    /// The process, or negative. It runs the monitor already, or has said that it failed to: one byte over the control
    /// descriptor, where a monitor's records are longer.
    /// </returns>
    public static unsafe int Start(in Options options, int slot, BootToken token, int frames, int control)
    {
        Span<byte> buffer = stackalloc byte[512];
        Line text = new(buffer);
        uint boot = token.BootAddress;
        text.Add("--net-fd\03\0--control-fd\04\0--memory\0%\0--mac\002:45:~:~:~:~\0"u8, token.MemoryMiB, boot >> 24, boot >> 16, boot >> 8, boot);
        text.Add("--append\0evilman.boot=@/% evilman.gateway=@ evilman.loader="u8, boot, token.PrefixLength, token.Gateway);
        for (int i = 0; i < token.Loader.Length; i++)
            text.Add("~"u8, token.Loader[i]);
        for (int i = 0; i < token.GuestCount; i++)
            text.Add(i == 0 ? " evilman.guests=@"u8 : ",@"u8, token.Guest(i));
        text.Add("\0--kernel\0"u8);

        // Each text ends with a zero, and the vector with a null.
        Span<nint> arguments = stackalloc nint[16];
        int count = 0;
        arguments[count++] = (nint)options.Monitor;
        for (int at = 0; at < text.Length; at++)
            if (at == 0 || buffer[at - 1] == 0)
                arguments[count++] = Kernel.At(buffer.Slice(at));
        arguments[count] = (nint)options.Firmware;

        // With CLONE_VFORK the parent goes on when the monitor runs or the child has given up.
        int parent = Kernel.Do(Call.GetPid), pid = Kernel.Do(Call.Clone, CloneVfork | SigChild);
        if (pid != 0)
            return pid;
        if (BecomeMonitor(in options, slot, token, parent, frames, control))
            Kernel.Do(Call.Execve, (nint)options.Monitor, Kernel.At(arguments), Kernel.At(arguments.Slice(15)));
        Kernel.Send(4, "!"u8);
        Kernel.Send(control, "!"u8);
        Kernel.Exit(127);
        return -1;
    }

    /// <summary>In the child: everything that is to be gone before a line of the monitor runs.</summary>
    private static bool BecomeMonitor(in Options options, int slot, BootToken token, int parent, int frames, int control)
    {
        int user = (int)options.UidBase + slot;
        ulong paid = (ulong)token.TokenCount * options.TokenCpu;
        // Where the soft limit is the lower one, it is SIGXCPU that ends who has used up its CPU time, and not any SIGKILL.
        // What a monitor says goes where packetd's standard output goes, where packetd itself says nothing. 3 and 4 were
        // packetd's sockets, which this process has no use for; the pairs are above.
        bool done = Kernel.Do(Call.SetSid) > 0
            && Kernel.Do(Call.SigProcMask, SigSetMask, Kernel.At<ulong>(stackalloc ulong[1]), 0, 8) == 0
            && Kernel.Do(Call.Dup3, 1, 2) >= 0 && Kernel.Do(Call.Dup3, frames, 3) >= 0 && Kernel.Do(Call.Dup3, control, 4) >= 0
            && Kernel.Do(Call.CloseRange, 5, -1) == 0
            && Limit(LimitCore, 0) && Limit(LimitFiles, 64) && Limit(LimitData, (token.MemoryMiB + OwnMemory) << 20) && Limit(LimitCpu, paid, above: 1);
        if (options.UidBase != 0)
            done = done && Limit(LimitProcesses, 64) && Kernel.Do(Call.SetGroups) == 0
                && Kernel.Do(Call.SetResGid, user, user, user) == 0 && Kernel.Do(Call.SetResUid, user, user, user) == 0;
        // Changing the user clears the death signal, so it comes last; the parent may have died before.
        return done && Confinement.KeepCapabilities(0) && Kernel.Do(Call.Prctl, SetParentDeathSignal, SigKill) == 0
            && Kernel.Do(Call.GetPpid) == parent;
    }

    /// <summary>Sets a limit of setrlimit(2) for good.</summary>
    private static bool Limit(int resource, ulong soft, ulong above = 0) =>
        Kernel.Do(Call.Prlimit, 0, resource, Kernel.At<ulong>(stackalloc ulong[] { soft, soft + above })) == 0; // struct rlimit64
}
