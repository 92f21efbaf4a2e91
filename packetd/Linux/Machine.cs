using System;
using Wire;

namespace Packetd;

/// <summary>One monitor process. Descriptors are in the host's poll table.</summary>
internal struct Machine
{
    public int Pid;

    /// <summary>The last that the monitor said over its control descriptor, and the value that came with it.</summary>
    public uint Said, Value;

    /// <summary>Characters of the monitor's output that wait for the end of their line, and lines written in this second.</summary>
    public int Pending, Lines;
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

    /// <param name="frames">Becomes descriptor 3, and blocking, as a program expects that knows nothing about it.</param>
    /// <param name="control">Becomes descriptor 4.</param>
    /// <param name="log">Becomes descriptors 1 and 2.</param>
    /// <returns>
    /// The process, or negative. It runs the monitor already, or has said that it failed to: one byte over the control
    /// descriptor, where a monitor's records are longer.
    /// </returns>
    public static unsafe int Start(in Options options, int slot, BootToken token, int frames, int control, int log)
    {
        // All strings of the argument vector, one after the other.
        Line text = new(stackalloc byte[512]);
        int memory = text.Length;
        text.Add(token.MemoryMiB);
        text.Add(0);
        int mac = text.Length;
        AddMac(ref text, token.BootAddress);
        int append = text.Length;
        AddCommandLine(ref text, token);

        fixed (byte* s = text.Text, kernel = "--kernel\0--memory\0--mac\0--net-fd\03\0--control-fd\04\0--offload\0on\0off\0--append\0"u8)
        {
            // SAFETY: each pointer is the beginning of a terminated string: offsets into the literal above, or into the text.
            byte** arguments = stackalloc byte*[]
            {
                options.Monitor, kernel, options.Firmware, kernel + 9, s + memory, kernel + 18, s + mac, kernel + 24, kernel + 33,
                kernel + 35, kernel + 48, kernel + 50, options.Offload ? kernel + 60 : kernel + 63, kernel + 67, s + append, null,
            };
            // With CLONE_VFORK the parent goes on when the monitor runs or the child has given up.
            int parent = Kernel.Do(Call.GetPid), pid = Kernel.Do(Call.Clone, CloneVfork | SigChild);
            if (pid != 0)
                return pid;
            if (BecomeMonitor(in options, slot, token.MemoryMiB, parent, frames, control, log))
                Kernel.Do(Call.Execve, (nint)options.Monitor, (nint)arguments, (nint)(arguments + 15));
            Kernel.Write(4, "!"u8);
            Kernel.Write(control, "!"u8);
            Kernel.Exit(127);
            return -1;
        }
    }

    /// <summary>In the child: everything that is to be gone before a line of the monitor runs.</summary>
    private static bool BecomeMonitor(in Options options, int slot, uint memory, int parent, int frames, int control, int log)
    {
        Kernel.Do(Call.SetSid);
        Kernel.With2(Call.SigProcMask, SigSetMask, stackalloc ulong[] { 0 }, 0, 8);
        // packetd's own descriptors are all above 4.
        bool done = Kernel.Do(Call.Dup2, log, 1) >= 0 && Kernel.Do(Call.Dup2, log, 2) >= 0
            && Kernel.Do(Call.Dup2, frames, 3) >= 0 && Kernel.Do(Call.Dup2, control, 4) >= 0
            && Kernel.Do(Call.Fcntl, 3, SetStatusFlags) >= 0 && Kernel.Do(Call.Fcntl, 4, SetStatusFlags) >= 0
            && Kernel.Do(Call.CloseRange, 5, -1) >= 0
            && Limit(LimitCore, 0) && Limit(LimitFiles, 64) && Limit(LimitData, memory * MiB + OwnMemory);
        int user = (int)options.UidBase + slot;
        if (options.UidBase != 0)
            done = done && Limit(LimitProcesses, 64) && Kernel.Do(Call.SetGroups) == 0
                && Kernel.Do(Call.SetResGid, user, user, user) == 0 && Kernel.Do(Call.SetResUid, user, user, user) == 0;
        // Changing the user clears the death signal, so it comes last; the parent may have died before.
        return done && Confinement.KeepCapabilities(0) == 0 && Kernel.Do(Call.Prctl, SetParentDeathSignal, SigKill) == 0
            && Kernel.Do(Call.GetPpid) == parent;
    }

    private static unsafe bool Limit(int resource, ulong value)
    {
        // SAFETY: struct rlimit64 is soft and hard limit.
        ulong* limits = stackalloc ulong[] { value, value };
        return Kernel.Do(Call.Prlimit, 0, resource, (nint)limits) == 0;
    }

    private static void AddMac(ref Line text, uint address)
    {
        text.Add("02:45"u8);
        for (int shift = 24; shift >= 0; shift -= 8)
        {
            text.Add((byte)':');
            text.AddHex((byte)(address >> shift));
        }
        text.Add(0);
    }

    private static void AddCommandLine(ref Line text, BootToken token)
    {
        text.Add("evilman.boot="u8);
        text.AddAddress(token.BootAddress);
        text.Add((byte)'/');
        text.Add((ulong)token.PrefixLength);
        text.Add(" evilman.gateway="u8);
        text.AddAddress(token.Gateway);
        text.Add(" evilman.loader="u8);
        for (int i = 0; i < token.Loader.Length; i++)
            text.AddHex(token.Loader[i]);
        for (int i = 0; i < token.GuestCount; i++)
        {
            text.Add(i == 0 ? " evilman.guests="u8 : ","u8);
            text.AddAddress(token.Guest(i));
        }
        text.Add(0);
    }
}
