using System;
using Domain.Devices;
using Domain.Linux;

namespace Domain.Host;

/// <summary>stdin and stdout as the guest's terminal.</summary>
/// <remarks>
/// Output is gathered for up to a millisecond. When the reader of stdout does not keep up, characters are dropped and
/// counted: a full pipe must not stop the machine. On a terminal Ctrl-A X ends the machine and Ctrl-A A types Ctrl-A.
/// </remarks>
internal sealed unsafe class HostConsole : IConsole
{
    private const int Input = 0, Output = 1;
    private const byte Escape = 1;
    private const ulong GatherNanoseconds = 1_000_000;

    private readonly byte[] buffer = new byte[4096];
    private readonly bool enabled;
    private readonly TerminalAttributes saved;
    private readonly bool raw;
    private int used;
    private bool escaped, inputEnded;

    public HostConsole(bool enabled)
    {
        this.enabled = enabled;
        inputEnded = !enabled;
        if (!enabled || Libc.isatty(Input) == 0)
            return;
        TerminalAttributes attributes;
        if (Libc.tcgetattr(Input, &attributes) != 0)
            return;
        saved = attributes;
        raw = true;
        const uint InputTranslation = 0x5eb;   // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
        const uint LineDiscipline = 0x804b;    // ISIG ICANON ECHO ECHONL IEXTEN
        attributes.Input &= ~InputTranslation;
        attributes.Local &= ~LineDiscipline;
        Libc.tcsetattr(Input, 0, &attributes);
    }

    public bool OwnsTerminal => raw;

    /// <summary>stdin may still have characters.</summary>
    public bool InputOpen => !inputEnded;

    /// <summary>The user typed Ctrl-A X.</summary>
    public bool QuitRequested { get; private set; }

    public ulong Dropped { get; private set; }

    /// <summary>When <see cref="Flush"/> wants to be called (<see cref="Clock"/>).</summary>
    public ulong FlushAt { get; private set; } = ulong.MaxValue;

    /// <summary>Called when <see cref="FlushAt"/> has come nearer.</summary>
    public Action? FlushScheduled { get; set; }

    public void Write(ReadOnlySpan<byte> text)
    {
        if (!enabled)
            return;
        while (text.Length > 0)
        {
            if (used == buffer.Length)
                Flush();
            int part = Math.Min(text.Length, buffer.Length - used);
            if (part == 0)
            {
                Dropped += (ulong)text.Length;
                return;
            }
            text[..part].CopyTo(buffer.AsSpan(used));
            bool first = used == 0;
            used += part;
            if (first)
            {
                FlushAt = Clock.Nanoseconds + GatherNanoseconds;
                FlushScheduled?.Invoke();
            }
            text = text[part..];
        }
    }

    /// <summary>Gives stdout what it takes without waiting.</summary>
    public void Flush()
    {
        if (used == 0)
            return;
        var poll = new PollDescriptor { Descriptor = Output, Events = Libc.POLLOUT };
        var now = default(TimeSpecification);
        nint wrote = 0;
        if (Libc.ppoll(&poll, 1, &now, null) > 0)
        {
            // SAFETY: pinned while the kernel reads; a pipe that polls writable takes PIPE_BUF (4096) bytes without
            // blocking.
            fixed (byte* start = buffer)
                wrote = Libc.write(Output, start, (nuint)used);
            if (wrote < 0 && Libc.Errno != Libc.EAGAIN)
                wrote = used;   // nobody reads any more
        }
        if (wrote > 0)
        {
            used -= (int)wrote;
            Buffer.BlockCopy(buffer, (int)wrote, buffer, 0, used);
        }
        FlushAt = used == 0 ? ulong.MaxValue : Clock.Nanoseconds + GatherNanoseconds;
    }

    /// <summary>
    /// Reads up to the span's length of typed characters; the caller has polled. Returns how many are for the guest.
    /// </summary>
    public int Read(Span<byte> into)
    {
        nint got;
        fixed (byte* start = into)
            got = Libc.read(Input, start, (nuint)into.Length);
        if (got == 0 || (got < 0 && Libc.Errno is not (Libc.EAGAIN or Libc.EINTR)))
            inputEnded = true;
        if (got <= 0 || !raw)
            return Math.Max((int)got, 0);
        int kept = 0;
        foreach (byte character in into[..(int)got])
        {
            if (escaped)
            {
                escaped = false;
                if (character is (byte)'x' or (byte)'X')
                    QuitRequested = true;
                else if (character is (byte)'a' or (byte)'A' or Escape)
                    into[kept++] = Escape;
            }
            else if (character == Escape)
            {
                escaped = true;
            }
            else
            {
                into[kept++] = character;
            }
        }
        return kept;
    }

    /// <summary>Last output, and the terminal as it was.</summary>
    public void Close()
    {
        Flush();
        if (!raw)
            return;
        var attributes = saved;
        Libc.tcsetattr(Input, 0, &attributes);
    }
}
