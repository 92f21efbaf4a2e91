using System;

namespace Packetd;

/// <summary>One monitor process, and the node's end of its control descriptor.</summary>
internal struct Machine
{
    public int Pid, Control;
}

/// <summary>Starts a machine's process as docs/architecture.md ("A machine's process") says.</summary>
internal static class MachineStart
{
    private const int CloneVfork = 0x4000, SigChild = 17, SigKill = 9, SetParentDeathSignal = 1, OnExecve = 4;

    /// <param name="frames">What becomes the process's descriptor 3.</param>
    /// <param name="control">What becomes descriptor 4.</param>
    /// <returns>
    /// The process, or negative. It runs the command already, or has said that it could not: one byte over the control
    /// descriptor, where a monitor's records are longer.
    /// </returns>
    public static unsafe int Start(in Options options, int slot, int frames, int control)
    {
        // With CLONE_VFORK the parent goes on when the command runs or the child has given up.
        int parent = Kernel.Do(Call.GetPid), pid = Kernel.Do(Call.Clone, CloneVfork | SigChild);
        if (pid == 0)
        {
            if (BecomeMachine(options.UidBase, slot, parent, frames, control))
                Kernel.Do(Call.Execve, (nint)options.Command[0], (nint)options.Command);
            Kernel.Send(control, "!"u8);
            Kernel.Exit(127);
        }
        return pid;
    }

    /// <summary>In the child: everything that is to be gone before a line of another program runs.</summary>
    private static bool BecomeMachine(uint uidBase, int slot, int parent, int frames, int control)
    {
        // What a machine says goes where packetd's standard output goes, where packetd itself says nothing. 3 and 4 were packetd's
        // sockets, which this process has no use for; the pairs are above.
        bool done = Kernel.Do(Call.SetSid) > 0
            && Kernel.Do(Call.Dup3, 1, 2) >= 0 && Kernel.Do(Call.Dup3, frames, 3) >= 0 && Kernel.Do(Call.Dup3, control, 4) >= 0
            && Kernel.Do(Call.CloseRange, 5, -1, OnExecve) == 0;
        int user = (int)uidBase + slot;
        if (uidBase != 0)
            done = done && Kernel.Do(Call.SetGroups) == 0
                && Kernel.Do(Call.SetResGid, user, user, user) == 0 && Kernel.Do(Call.SetResUid, user, user, user) == 0;
        // Changing the user clears the death signal, so it comes last; the parent may have died before.
        return done && Kernel.Do(Call.Prctl, SetParentDeathSignal, SigKill) == 0 && Kernel.Do(Call.GetPpid) == parent;
    }
}
