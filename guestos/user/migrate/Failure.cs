using System;

namespace Migrate;

/// <summary>How the program ends. On the source a migration that succeeds ends the machine instead.</summary>
internal enum ExitCode
{
    Arrived = 0,
    Usage = 1,
    NoConnection = 2,
    NoLoader = 3,
    LoaderRefused = 4,
    NoCheckpoint = 5,
    CheckpointRefused = 6,
    Broken = 7,
    WorkingSetTooLarge = 8,
}

/// <summary>One sentence on standard error for each way in which a migration fails. The machine stays where it is.</summary>
internal static class Failure
{
    private const int StandardError = 2;

    public static ExitCode Say(ExitCode code, ReadOnlySpan<byte> reason)
    {
        Line line = Begin(code).Add(reason);
        line.Add("."u8).Write(StandardError);
        return code;
    }

    /// <param name="reason">A sentence, with its full stop.</param>
    public static ExitCode Say(ExitCode code, string reason)
    {
        Begin(code).Add(reason).Write(StandardError);
        return code;
    }

    private static Line Begin(ExitCode code) => Line.Of("migrate: "u8).Add(code switch
    {
        ExitCode.NoConnection => "No connection to the destination: "u8,
        ExitCode.NoLoader => "There is no checkpoint loader to send: "u8,
        ExitCode.LoaderRefused => "The destination refuses the loader: "u8,
        ExitCode.NoCheckpoint => "The kernel gives no checkpoint: "u8,
        ExitCode.CheckpointRefused => "The destination refuses the checkpoint: "u8,
        ExitCode.Broken => "The connection broke: "u8,
        _ => default,
    });

    public static ReadOnlySpan<byte> Reason(int error) => error switch
    {
        Kernel.ConnectionRefusedError => "nobody listens there"u8,
        Kernel.TimedOutError => "nobody answers"u8,
        Kernel.HostUnreachableError => "the host does not answer ARP"u8,
        Kernel.ConnectionResetError or Kernel.BrokenPipeError => "the destination closed it"u8,
        Kernel.BusyError => "another migration is under way"u8,
        Kernel.NoMemoryError => "there is too little memory for its tables"u8,
        _ => "an error that this program does not know"u8,
    };
}
