using System;
using Wire;

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
    GaveUp = 8,
    NotAuthenticated = 9,
    NodeRefused = 10,
    Busy = 11,
}

/// <summary>One sentence for each way in which a migration fails. The machine stays where it is.</summary>
internal static class Failure
{
    public static ExitCode Say(ExitCode code, scoped ReadOnlySpan<byte> reason) => Begin(code).Add(reason).Add("."u8).Complain(code);

    /// <param name="reason">A sentence, with its full stop.</param>
    public static ExitCode Say(ExitCode code, string reason) => Begin(code).Add(reason).Complain(code);

    public static Line Begin(ExitCode code) => Line.Of("migrate: "u8).Add(code switch
    {
        ExitCode.NoConnection => "No connection to the destination: "u8,
        ExitCode.NoLoader => "There is no checkpoint loader to send: "u8,
        ExitCode.LoaderRefused => "The destination refuses the loader: "u8,
        ExitCode.NoCheckpoint => "The kernel gives no checkpoint: "u8,
        ExitCode.CheckpointRefused => "The destination refuses the checkpoint: "u8,
        ExitCode.Broken => "The connection broke: "u8,
        ExitCode.NotAuthenticated => "The destination is not the machine that the key is for: "u8,
        ExitCode.NodeRefused => "There is no machine to move to: "u8,
        ExitCode.Busy => "The destination is taken: "u8,
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

    /// <summary>What the checkpoint loader refuses, with what it concerns in units that people use.</summary>
    /// <param name="frames">The guest's own, from its checkpoint's header.</param>
    public static ExitCode Refused(CheckpointRefusal refusal, ulong detail, uint frames)
    {
        const int FramesPerMiB = 256;
        Line line = Begin(ExitCode.CheckpointRefused);
        switch (refusal)
        {
            case CheckpointRefusal.NotEnoughMemory:
                line = line.Add("the guest needs "u8).Add(frames / FramesPerMiB).Add(" MiB, the destination has "u8).Add(detail / FramesPerMiB).Add(" MiB."u8);
                break;
            case CheckpointRefusal.MissingFeatures:
                line = line.Add("it lacks"u8);
                for (int bit = 0; bit < 64; bit++)
                    if ((detail >> bit & 1) != 0)
                        line = line.Add(detail << 63 - bit == 1UL << 63 ? " "u8 : ", "u8).Add(Feature(bit));
                line = line.Add("."u8);
                break;
            case CheckpointRefusal.FrameOutOfRange or CheckpointRefusal.MissingFrames:
                line = line.Add(HandOver.Sentence(refusal)).Add(" (Frame "u8).Add(detail).Add(".)"u8);
                break;
            case CheckpointRefusal.BadRecord or CheckpointRefusal.WrongCount or CheckpointRefusal.WrongHash or CheckpointRefusal.Truncated:
                line = line.Add(HandOver.Sentence(refusal)).Add(" (After "u8).Add(detail).Add(" records.)"u8);
                break;
            default:
                line = line.Add(HandOver.Sentence(refusal));
                break;
        }
        return line.Complain(ExitCode.CheckpointRefused);
    }

    /// <summary>The bits of <see cref="MachineFeatures"/>.</summary>
    private static ReadOnlySpan<byte> Feature(int bit) => bit switch
    {
        0 => "a processor of x86-64-v2"u8,
        1 => "virtio-mmio version 2"u8,
        2 => "a virtio network device"u8,
        3 => "a virtio console"u8,
        4 => "a virtio block device"u8,
        5 => "a local APIC timer"u8,
        6 => "a CMOS clock"u8,
        _ => "a feature that this program does not know"u8,
    };
}
