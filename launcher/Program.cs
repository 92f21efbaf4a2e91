using System;
using System.Runtime;
using System.Runtime.InteropServices;
using Wire;

namespace Launcher;

/// <summary>
/// <c>launcher [--token-cpu SECONDS] MONITOR FIRMWARE</c>: a machine's process between packetd and the monitor (docs/architecture.md,
/// "A machine's process" and "The monitor"). It has the machine's user and descriptors, and no rights beyond them.
/// </summary>
internal static class Program
{
    private const int Control = 4, DontWait = 0x40, SetMask = 2;

    [RuntimeExport("freestanding_main")]
    private static unsafe int Main(int count, byte** arguments, byte** environment)
    {
        if (Options.AskForHelp(count, arguments))
        {
            Kernel.Write(1, Options.Help);
            return 0;
        }
        if (!Options.TryParse(count, arguments, out Options options))
            return Failure.BadArguments;

        // packetd sends token and machine key before it starts anybody, so whoever finds none waits for nothing. Room for more, so
        // that what is longer is seen to be.
        Span<byte> record = stackalloc byte[BootToken.Size + MachineKey.Size + 1];
        int length = Kernel.Do(Call.RecvFrom, Control, Kernel.At(record), record.Length, DontWait);
        if (length < 0)
            return Failure.Say(Failure.NotStarted, "no boot token can be read from descriptor 4"u8, ""u8, length);
        ReadOnlySpan<byte> bytes = length == BootToken.Size + MachineKey.Size ? record.Slice(0, BootToken.Size) : default;
        if (!BootToken.TryParse(bytes, out BootToken token))
            return Failure.Say(Failure.NotStarted, "what descriptor 4 gives is not a boot token with its machine key"u8, ""u8);

        Span<nint> vector = stackalloc nint[MonitorArguments.Count], nothing = stackalloc nint[1];
        MonitorArguments.Make(token, in options, stackalloc byte[MonitorArguments.TextSize], vector);
        if (!KeyFile.Make(record.Slice(BootToken.Size, MachineKey.Size)) || !SoleUser.Await() || !Limits.Set(token, options.TokenCpu)
            || !Confinement.Enter())
            return Failure.NotStarted;
        // packetd blocks SIGPIPE for itself, and a mask survives execve.
        Span<ulong> signals = stackalloc ulong[1];
        signals[0] = 0;
        Kernel.Do(Call.SigProcMask, SetMask, Kernel.At(signals), 0, sizeof(ulong));
        nothing[0] = 0;
        int code = Kernel.Do(Call.Execve, (nint)options.Monitor, Kernel.At(vector), Kernel.At(nothing));
        return Failure.Say(Failure.NotStarted, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(options.Monitor), " cannot be run"u8, code);
    }
}
