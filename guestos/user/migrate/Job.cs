using System;
using System.Linux;
using static System.Linux.Uapi;

namespace Migrate;

/// <summary>
/// <c>migrate --job FILE PROGRAM …</c>: runs a program, and keeps what it writes while it goes on to the console. Ends
/// when the program does, whoever of its children still writes.
/// </summary>
internal static unsafe class Job
{
    /// <summary>What is said when the program could not be waited for.</summary>
    private const int NotKnown = 125;

    /// <returns>The exit code of the program; 128 and the number of a signal.</returns>
    public static int Run(byte* file, Account account, byte** words)
    {
        int ring = OutputRing.Create(file);
        Span<int> output = stackalloc int[2];
        Span<int> done = stackalloc int[2];
        if (ring < 0 || Host.Pipe(output) < 0 || Host.Pipe(done) < 0)
            return NotKnown;
        int waiter = Host.Fork();
        if (waiter == 0)
            Await(output, done, account, words);
        Syscall.Close(output[1]);
        Syscall.Close(done[1]);
        Span<byte> end = stackalloc byte[Host.EndSize];
        int code = Copy(output[0], done[0], ring, end) == end.Length ? Host.CodeOf(end) : NotKnown;
        OutputRing.End(ring);
        return code;
    }

    // A process that waits for the program, so that its end is something to poll for.
    private static void Await(Span<int> output, Span<int> done, Account account, byte** words)
    {
        int program = Host.Fork();
        if (program == 0)
        {
            account.Take();
            Program.Become(words, 0, output[1], output[1], leads: false);
        }
        Syscall.Close(output[1]);
        Span<byte> end = stackalloc byte[Host.EndSize];
        Host.EndOf(program, end);
        Syscall.Write(done[1], end);
        Syscall.Exit(0);
    }

    /// <summary>Until the program has ended and nothing more of it is there. How many bytes tell how.</summary>
    private static int Copy(int output, int done, int ring, Span<byte> end)
    {
        Span<byte> buffer = stackalloc byte[8192];
        Span<PollDescriptor> polls = stackalloc PollDescriptor[2];
        int told = EAGAIN;
        bool isOpen = true;
        while (told == EAGAIN)
        {
            polls[0] = new() { Descriptor = isOpen ? output : -1, Events = POLLIN };
            polls[1] = new() { Descriptor = done, Events = POLLIN };
            Timing.Poll(polls, -1);
            // First how it ended: what was written before is there by then.
            if (polls[1].Returned != 0)
                told = Syscall.Read(done, end);
            int count = 1;
            while (isOpen && count > 0)
            {
                count = Syscall.Read(output, buffer);
                isOpen = count > 0 || count is EAGAIN or EINTR;
                if (count <= 0)
                    continue;
                Host.WriteAll(1, buffer.Slice(0, count));
                OutputRing.Add(ring, buffer.Slice(0, count));
                // A child of it that writes without end does not keep it from ending.
                if (told != EAGAIN && count < buffer.Length)
                    break;
            }
        }
        return told;
    }
}

/// <summary>Who a program runs as.</summary>
internal struct Account
{
    private uint user;
    private uint group;

    /// <summary>"UID:GID".</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out Account account)
    {
        account = default;
        int colon = text.IndexOf((byte)':');
        return colon > 0
            && TryNumber(text.Slice(0, colon), out account.user)
            && TryNumber(text.Slice(colon + 1), out account.group);
    }

    private static bool TryNumber(ReadOnlySpan<byte> text, out uint number)
    {
        ulong value = 0;
        for (int i = 0; i < text.Length && value <= uint.MaxValue; i++)
            value = text[i] is >= (byte)'0' and <= (byte)'9' ? value * 10 + text[i] - '0' : ulong.MaxValue;
        number = (uint)value;
        return text.Length is > 0 and <= 10 && value < uint.MaxValue;
    }

    /// <summary>In the process that becomes the program. Root stays as it is.</summary>
    public readonly void Take()
    {
        if (user == 0 && group == 0)
            return;
        bool isTaken = Syscall.Call(CallNumber.SetGroups) == 0
            && Syscall.Call(CallNumber.SetResGid, (int)group, (int)group, (int)group) == 0
            && Syscall.Call(CallNumber.SetResUid, (int)user, (int)user, (int)user) == 0;
        if (!isTaken)
            Syscall.Exit(126);
    }
}
