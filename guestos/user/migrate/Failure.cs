using System;
using System.Linux;
using Wire;
using static System.Linux.Uapi;

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
    /// <param name="reason">The end of a sentence, without its full stop.</param>
    public static ExitCode Say(ExitCode code, scoped ReadOnlySpan<byte> reason)
    {
        TextBuffer line = new(stackalloc byte[Report.MaxLine]);
        Begin(ref line, code);
        line.Add(reason);
        line.Add("."u8);
        return Report.Failed(code, line.Text);
    }

    /// <param name="reason">A sentence, with its full stop.</param>
    public static ExitCode Say(ExitCode code, string reason)
    {
        TextBuffer line = new(stackalloc byte[Report.MaxLine]);
        Begin(ref line, code);
        AddAscii(ref line, reason);
        return Report.Failed(code, line.Text);
    }

    private static void Begin(ref TextBuffer line, ExitCode code)
    {
        line.Add("migrate: "u8);
        line.Add(Problem(code));
    }

    private static void AddAscii(ref TextBuffer line, string text)
    {
        Span<byte> letter = stackalloc byte[1];
        for (int i = 0; i < text.Length; i++)
        {
            letter[0] = (byte)text[i];
            line.Add(letter);
        }
    }

    private static ReadOnlySpan<byte> Problem(ExitCode code) => code switch
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
    };

    /// <param name="error">−errno.</param>
    public static ReadOnlySpan<byte> Reason(int error) => error switch
    {
        ECONNREFUSED => "nobody listens there"u8,
        ETIMEDOUT => "nobody answers"u8,
        EHOSTUNREACH => "the host does not answer ARP"u8,
        ECONNRESET or EPIPE => "the destination closed it"u8,
        EBUSY => "another migration is under way"u8,
        ENOMEM => "there is too little memory for its tables"u8,
        _ => "an error that this program does not know"u8,
    };

    /// <summary>What the checkpoint loader refuses, with what it concerns in units that people use.</summary>
    /// <param name="frames">The guest's own, from its checkpoint's header.</param>
    public static ExitCode Refused(CheckpointRefusal refusal, ulong detail, uint frames)
    {
        const int FramesPerMiB = 256;
        TextBuffer line = new(stackalloc byte[Report.MaxLine]);
        Begin(ref line, ExitCode.CheckpointRefused);
        switch (refusal)
        {
            case CheckpointRefusal.NotEnoughMemory:
                line.Add("the guest needs % MiB, "u8, frames / FramesPerMiB);
                line.Add("the destination has % MiB."u8, detail / FramesPerMiB);
                break;
            case CheckpointRefusal.MissingFeatures:
                AddFeatures(ref line, detail);
                break;
            case CheckpointRefusal.FrameOutOfRange or CheckpointRefusal.MissingFrames:
                AddAscii(ref line, HandOver.Sentence(refusal));
                line.Add(" (Frame %.)"u8, detail);
                break;
            case CheckpointRefusal.BadRecord or CheckpointRefusal.WrongCount
                or CheckpointRefusal.WrongHash or CheckpointRefusal.Truncated:
                AddAscii(ref line, HandOver.Sentence(refusal));
                line.Add(" (After % records.)"u8, detail);
                break;
            default:
                AddAscii(ref line, HandOver.Sentence(refusal));
                break;
        }
        return Report.Failed(ExitCode.CheckpointRefused, line.Text);
    }

    private static void AddFeatures(ref TextBuffer line, ulong missing)
    {
        line.Add("it lacks"u8);
        bool isFirst = true;
        for (int bit = 0; bit < 64; bit++)
        {
            if ((missing >> bit & 1) == 0)
                continue;
            line.Add(isFirst ? " "u8 : ", "u8);
            line.Add(Feature(bit));
            isFirst = false;
        }
        line.Add("."u8);
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
        7 => "LZCNT"u8,
        8 => "BMI1"u8,
        9 => "BMI2"u8,
        10 => "MOVBE"u8,
        11 => "AES"u8,
        12 => "PCLMULQDQ"u8,
        13 => "SHA"u8,
        14 => "XSAVE"u8,
        15 => "AVX"u8,
        16 => "AVX2"u8,
        17 => "F16C"u8,
        18 => "FMA"u8,
        _ => "a feature that this program does not know"u8,
    };
}
