using System.Linux;
using static System.Linux.Syscall;
using static System.Linux.Uapi;

namespace Packetd;

/// <summary>The process of one machine, and packetd's end of its control descriptor.</summary>
internal struct MachineProcess
{
    public int Pid;
    public int Control;
}

/// <summary>Starts a machine's process as docs/architecture.md ("A machine's process") says.</summary>
internal static class MachineStart
{
    private const int NotRun = 127;

    /// <param name="frames">What becomes the process's descriptor 3.</param>
    /// <param name="control">What becomes descriptor 4.</param>
    /// <returns>
    /// The process, or −errno. It runs the command already, or has said that it could not: one byte over the control
    /// descriptor, where a monitor's records are longer.
    /// </returns>
    public static unsafe int Start(in Options options, int slot, int frames, int control)
    {
        // With CLONE_VFORK the parent goes on when the command runs or the child has given up.
        int parent = Call(CallNumber.GetPid);
        int pid = Call(CallNumber.Clone, CLONE_VFORK | SIGCHLD);
        if (pid == 0)
        {
            if (BecomeMachine(options.UidBase, slot, parent, frames, control))
                Call(CallNumber.Execve, (nint)options.Command[0], (nint)options.Command);
            Syscall.Send(control, "!"u8);
            Syscall.Exit(NotRun);
        }
        return pid;
    }

    /// <summary>In the child: everything that is to be gone before a line of another program runs.</summary>
    private static bool BecomeMachine(uint uidBase, int slot, int parent, int frames, int control)
    {
        // A machine's standard error goes where packetd's standard output does, to which packetd itself writes nothing.
        // Descriptors 3 and 4 were packetd's sockets, which this process does not use; the ends of the pairs have
        // higher numbers.
        bool done = Call(CallNumber.SetSid) > 0
            && Call(CallNumber.Dup3, 1, 2) >= 0
            && Call(CallNumber.Dup3, frames, 3) >= 0
            && Call(CallNumber.Dup3, control, 4) >= 0
            && Call(CallNumber.CloseRange, 5, -1, CLOSE_RANGE_CLOEXEC) == 0;
        int user = (int)uidBase + slot;
        if (uidBase != 0)
            done = done
                && Call(CallNumber.SetGroups) == 0
                && Call(CallNumber.SetResGid, user, user, user) == 0
                && Call(CallNumber.SetResUid, user, user, user) == 0;
        // Changing the user clears the death signal, so it comes last; the parent may have died before.
        return done
            && Call(CallNumber.Prctl, PR_SET_PDEATHSIG, SIGKILL) == 0
            && Call(CallNumber.GetPpid) == parent;
    }
}
