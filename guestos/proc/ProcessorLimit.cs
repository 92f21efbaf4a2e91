using System;

namespace Guestos;

/// <summary>
/// RLIMIT_CPU: SIGXCPU at the soft limit and each second behind it, SIGKILL at the hard one (setrlimit(2)).
/// </summary>
public static unsafe class ProcessorLimit
{
    private const ulong Second = 1_000_000_000;

    public static bool IsSet(Process* process) =>
        ResourceLimits.Of(process, Resource.ProcessorTime) != ResourceLimits.Infinity;

    /// <summary>Looked at when a quantum ends.</summary>
    internal static void Check(Process* process)
    {
        if (!IsSet(process))
            return;
        ulong used = (process->UserTime + process->KernelTime) / Second;
        ulong soft = ResourceLimits.Of(process, Resource.ProcessorTime);
        if (used >= ResourceLimits.HardOf(process, Resource.ProcessorTime))
            Signals.Send(process, Signal.Kill);
        else if (used >= Math.Max(soft, process->NextProcessorWarning))
        {
            process->NextProcessorWarning = used + 1;
            Signals.Send(process, Signal.CpuLimit);
        }
    }
}
