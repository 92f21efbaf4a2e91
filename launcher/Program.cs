using System;
using System.Linux;
using System.Runtime;
using System.Runtime.InteropServices;
using Wire;
using static System.Linux.Uapi;

namespace Launcher;

/// <summary>
/// <c>launcher [OPTIONS] MONITOR FIRMWARE</c>: a machine's process between packetd and the monitor
/// (docs/architecture.md, "A machine's process" and "The monitor"). It has the machine's user and descriptors, and no
/// rights beyond them.
/// </summary>
internal static class Program
{
    private const int Control = 4;

    [RuntimeExport("freestanding_main")]
    private static unsafe int Main(int count, byte** arguments, byte** environment)
    {
        if (Options.AskForHelp(count, arguments))
        {
            Syscall.Write(1, Options.Help);
            return 0;
        }
        if (!Options.TryParse(count, arguments, out Options options))
            return Failure.BadArguments;

        // packetd sends token and machine key before it starts this program, so where there is none none will come.
        // Room for more, so that what is longer is seen to be.
        Span<byte> record = stackalloc byte[BootToken.Size + MachineKey.Size + 1];
        int length = Syscall.Receive(Control, record);
        if (length < 0)
            return Failure.Say(Failure.NotStarted, "no boot token can be read from descriptor 4"u8, ""u8, length);
        bool isWhole = length == BootToken.Size + MachineKey.Size;
        ReadOnlySpan<byte> bytes = isWhole ? record.Slice(0, BootToken.Size) : default;
        Span<nint> vector = stackalloc nint[MonitorArguments.Count];
        Span<byte> texts = stackalloc byte[MonitorArguments.TextSize];
        if (!BootToken.TryParse(bytes, out BootToken token)
            || !MonitorArguments.TryMake(token, in options, texts, vector))
            return Failure.Say(
                Failure.NotStarted, "what descriptor 4 gives is not a boot token with its machine key"u8, ""u8);
        // Nobody else may have this user when the group's files are open for it, nor be in the group.
        ControlGroup group = new(stackalloc byte[ControlGroup.PathSize]);
        if ((options.Groups != null && !group.TryEmpty(in options))
            || !SoleUser.Await()
            || (options.Groups != null && !group.TryEnter(token, in options))
            || !KeyFile.Make(record.Slice(BootToken.Size, MachineKey.Size))
            || !Limits.Set(token, options.TokenCpu)
            || !Confinement.Enter()
            || !Confinement.KeepCounted()
            || (token.Prices[(int)Resource.Cpu] != 0 && !Confinement.RefuseChildren())
            || !Output.LeaveTerminal(out int kept))
            return Failure.NotStarted;
        Confinement.KeepInside();
        // packetd blocks SIGPIPE for itself, and a mask survives execve.
        ulong noSignals = 0;
        Syscall.Call(CallNumber.SigProcMask, SIG_SETMASK, Syscall.AddressOf(ref noSignals), 0, sizeof(ulong));
        nint noEnvironment = 0;
        int code = Syscall.Call(
            CallNumber.Execve,
            (nint)options.Monitor,
            Syscall.AddressOf(vector),
            Syscall.AddressOf(ref noEnvironment));
        Output.Return(kept);
        ReadOnlySpan<byte> name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(options.Monitor);
        return Failure.Say(Failure.NotStarted, name, " cannot be run"u8, code);
    }
}
