using System;

namespace Guestos;

/// <summary>Bytes that go out to the terminal because of one byte in or out. What does not fit is dropped.</summary>
public unsafe struct TerminalOutput
{
    public const int Capacity = 512;

    public int Length;
    public fixed byte Bytes[Capacity];

    public void Add(byte value)
    {
        if (Length < Capacity)
        {
            Bytes[Length] = value;
            Length++;
        }
    }
}

/// <summary>
/// Linux's N_TTY over memory alone (termios(3)): typed bytes in, editing, echo, lines or raw bytes out. Knows no
/// process and no device: signals and echo are results.
/// </summary>
public unsafe struct LineDiscipline
{
    /// <summary>Bytes of type-ahead; a line that is longer is cut (MAX_CANON of Linux: 4095 and its newline).</summary>
    public const int Capacity = 4096;

    public Termios Termios;

    /// <summary>Output is held back (^S).</summary>
    public bool Stopped;

    // Ring positions count up for ever: [read, committed) can be read, [committed, end) is the line being edited.
    private ulong read;
    private ulong committed;
    private ulong end;
    private int lines;
    private bool literal;
    private int column;
    private int lineColumn;
    private fixed byte bytes[Capacity];

    /// <summary>One bit per byte: it ends a line. A byte 0 with the bit set is an end of file.</summary>
    private fixed ulong ends[Capacity / 64];

    private readonly bool Canonical => (Termios.Local & Termios.Canonical) != 0;

    /// <summary>Complete lines (canonical), or bytes.</summary>
    public readonly int Available => Canonical ? LinesLength() : (int)(end - read);

    private readonly int LinesLength() => lines > 0 ? LineLength() : 0;

    /// <summary>A read would not wait.</summary>
    public readonly bool Readable =>
        Canonical ? lines > 0 : end - read >= Enough;

    /// <summary>Bytes for which a raw read waits: VMIN, at least one; with VTIME it returns with less.</summary>
    private readonly ulong Enough =>
        Termios.Characters[Termios.Time] == 0 ? Math.Max(1UL, Termios.Characters[Termios.Minimum]) : 1;

    /// <summary>Bytes waiting, whatever the mode.</summary>
    public readonly int Waiting => (int)(end - read);

    /// <summary>New settings; what has been typed so far becomes readable when canonical mode ends.</summary>
    public void Change(in Termios termios)
    {
        bool was = Canonical;
        Termios = termios;
        if (was && !Canonical)
        {
            committed = end;
        }
        else if (!was && Canonical)
        {
            // What waits becomes one line, ended where it ends.
            committed = end;
            if (end > read && !IsEnd(end - 1))
                MarkEnd(end - 1);
            lines = 0;
            for (ulong i = read; i < end; i++)
                if (IsEnd(i))
                    lines++;
        }

        literal = false;
        if ((Termios.Input & Termios.FlowOut) == 0)
            Stopped = false;
    }

    /// <summary>Drops everything typed and not read.</summary>
    public void FlushInput()
    {
        committed = end;
        read = committed;
        lines = 0;
        literal = false;
    }

    /// <summary>Takes one typed byte. Returns the signal it means for the foreground process group, if any.</summary>
    public Signal Type(byte value, ref TerminalOutput echo)
    {
        uint input = Termios.Input;
        if ((input & Termios.StripHigh) != 0)
            value &= 0x7f;
        if (literal)
        {
            literal = false;
            Store(value, true, ref echo);
            return Signal.None;
        }

        if ((input & Termios.FlowOut) != 0)
        {
            if (Is(value, Termios.Stop))
            {
                Stopped = true;
                return Signal.None;
            }

            if (Stopped && (Is(value, Termios.Start) || (input & Termios.FlowAny) != 0))
            {
                Stopped = false;
                if (Is(value, Termios.Start))
                    return Signal.None;
            }
            else if (Is(value, Termios.Start))
            {
                return Signal.None;
            }
        }

        if ((Termios.Local & Termios.Signals) != 0)
        {
            Signal signal = SignalOf(value);
            if (!signal.IsNone)
            {
                if ((Termios.Local & Termios.NoFlush) == 0)
                    FlushInput();
                Stopped = false;
                Echo(value, ref echo);
                return signal;
            }
        }

        if (value == '\r')
        {
            if ((input & Termios.IgnoreReturn) != 0)
                return Signal.None;
            if ((input & Termios.ReturnToNewline) != 0)
                value = (byte)'\n';
        }
        else if (value == '\n' && (input & Termios.NewlineToReturn) != 0)
        {
            value = (byte)'\r';
        }

        if (Canonical)
            Edit(value, ref echo);
        else
            Store(value, false, ref echo);
        return Signal.None;
    }

    /// <summary>
    /// Takes what is typed: in canonical mode at most one line (0 is an end of file), else up to <paramref
    /// name="count"/> bytes. Call when <see cref="Readable"/>.
    /// </summary>
    public int Read(byte* to, int count)
    {
        int done = 0;
        if (!Canonical)
        {
            while (done < count && read < end)
            {
                ClearEnd(read);
                to[done] = bytes[read % Capacity];
                done++;
                read++;
            }

            committed = Math.Max(committed, read);
            return done;
        }

        while (lines > 0 && read < committed)
        {
            bool end = IsEnd(read);
            byte value = bytes[read % Capacity];
            bool endOfFile = end && value == 0;
            if (!endOfFile && done == count)
                break;
            ClearEnd(read);
            read++;
            if (!endOfFile)
            {
                to[done] = value;
                done++;
            }
            if (end)
            {
                lines--;
                break;
            }
        }

        return done;
    }

    /// <summary>One byte written by a program, as it goes to the terminal (OPOST).</summary>
    public void Write(byte value, ref TerminalOutput output)
    {
        uint flags = Termios.Output;
        if ((flags & Termios.Process) == 0)
        {
            output.Add(value);
            return;
        }

        switch (value)
        {
            case (byte)'\n':
                if ((flags & (Termios.NewlineToReturnNewline | Termios.NewlineReturns)) != 0)
                    column = 0;
                if ((flags & Termios.NewlineToReturnNewline) != 0)
                    output.Add((byte)'\r');
                lineColumn = column;
                break;
            case (byte)'\r':
                if ((flags & Termios.NoReturnAtStart) != 0 && column == 0)
                    return;
                column = 0;
                lineColumn = 0;
                if ((flags & Termios.OutReturnToNewline) != 0)
                    value = (byte)'\n';
                break;
            case (byte)'\t':
                int spaces = 8 - (column & 7);
                column += spaces;
                if ((flags & Termios.ExpandTabs) == Termios.ExpandTabs)
                {
                    for (; spaces > 0; spaces--)
                        output.Add((byte)' ');
                    return;
                }

                break;
            case (byte)'\b':
                if (column > 0)
                    column--;
                break;
            default:
                if (value >= 0x20 && value != 0x7f && (value & 0xc0) != 0x80)
                    column++;
                break;
        }

        output.Add(value);
    }

    private void Edit(byte value, ref TerminalOutput echo)
    {
        if (Is(value, Termios.Erase))
        {
            EraseOne(ref echo);
            return;
        }

        if (Is(value, Termios.Kill))
        {
            const uint all = Termios.EchoKill | Termios.EchoKillErase | Termios.EchoErase;
            bool visibly = (Termios.Local & all) == all;
            if (visibly)
                while (end > committed)
                    EraseOne(ref echo);
            end = committed;
            if (!visibly && (Termios.Local & Termios.Echo) != 0)
            {
                Echo(value, ref echo);
                if ((Termios.Local & Termios.EchoKill) != 0)
                    Write((byte)'\n', ref echo);
            }

            return;
        }

        if ((Termios.Local & Termios.Extended) != 0)
        {
            if (Is(value, Termios.WordErase))
            {
                while (end > committed && !IsWord(Last))
                    EraseOne(ref echo);
                while (end > committed && IsWord(Last))
                    EraseOne(ref echo);
                return;
            }

            if (Is(value, Termios.LiteralNext))
            {
                literal = true;
                if ((Termios.Local & (Termios.Echo | Termios.EchoControl)) == (Termios.Echo | Termios.EchoControl))
                {
                    echo.Add((byte)'^');
                    echo.Add((byte)'\b');
                }

                return;
            }

            if (Is(value, Termios.Reprint) && (Termios.Local & Termios.Echo) != 0)
            {
                Echo(value, ref echo);
                Write((byte)'\n', ref echo);
                for (ulong i = committed; i < end; i++)
                    Echo(bytes[i % Capacity], ref echo);
                return;
            }
        }

        if (value == '\n')
        {
            if ((Termios.Local & (Termios.Echo | Termios.EchoNewline)) != 0)
                Write(value, ref echo);
            EndLine(value);
        }
        else if (Is(value, Termios.EndOfFile))
        {
            EndLine(0);
        }
        else if (Is(value, Termios.EndOfLine) || Is(value, Termios.EndOfLine2))
        {
            Echo(value, ref echo);
            EndLine(value);
        }
        else
        {
            Store(value, false, ref echo);
        }
    }

    private void EndLine(byte value)
    {
        if (end - read >= Capacity)
            end--;     // the line's end replaces its last byte: a full buffer can still be read
        bytes[end % Capacity] = value;
        MarkEnd(end);
        end++;
        committed = end;
        lines++;
    }

    private void Store(byte value, bool literally, ref TerminalOutput echo)
    {
        if (end - read >= Capacity - (Canonical ? 1UL : 0))
        {
            if ((Termios.Input & Termios.BellWhenFull) != 0)
                echo.Add(7);
            return;
        }

        if (end == committed)
            lineColumn = column;
        bytes[end % Capacity] = value;
        ClearEnd(end);
        end++;
        if (!Canonical)
            committed = end;
        if (value != '\n' || literally)
            Echo(value, ref echo);
        else if ((Termios.Local & Termios.Echo) != 0)
            Write(value, ref echo);
    }

    private void Echo(byte value, ref TerminalOutput echo)
    {
        if ((Termios.Local & Termios.Echo) == 0)
            return;
        if ((Termios.Local & Termios.EchoControl) != 0 && IsControl(value) && value != '\t')
        {
            Write((byte)'^', ref echo);
            Write((byte)(value ^ 0x40), ref echo);
            return;
        }

        Write(value, ref echo);
    }

    private void EraseOne(ref TerminalOutput echo)
    {
        if (end <= committed)
            return;
        byte value = Last;
        end--;
        if ((Termios.Input & Termios.Utf8) != 0)
        {
            while (end > committed && (value & 0xc0) == 0x80)
            {
                value = Last;
                end--;
            }
        }

        if ((Termios.Local & Termios.Echo) == 0)
            return;
        if ((Termios.Local & Termios.EchoErase) == 0)
        {
            Echo(Termios.Characters[Termios.Erase], ref echo);
            return;
        }

        int width = 1;
        if (value == '\t')
            width = TabWidth();
        else if (IsControl(value))
            width = (Termios.Local & Termios.EchoControl) != 0 ? 2 : 0;
        for (; width > 0; width--)
        {
            Write((byte)'\b', ref echo);
            if (value == '\t')
                continue;
            Write((byte)' ', ref echo);
            Write((byte)'\b', ref echo);
        }
    }

    /// <summary>Columns that a tab behind the line as it stands takes.</summary>
    private readonly int TabWidth()
    {
        int column = lineColumn;
        for (ulong i = committed; i < end; i++)
        {
            byte value = bytes[i % Capacity];
            if (value == '\t')
                column = (column | 7) + 1;
            else if (IsControl(value))
                column += (Termios.Local & Termios.EchoControl) != 0 ? 2 : 0;
            else if ((value & 0xc0) != 0x80)
                column++;
        }

        return 8 - (column & 7);
    }

    private readonly byte Last => bytes[(end - 1) % Capacity];

    private readonly int LineLength()
    {
        int length = 0;
        for (ulong i = read; i < committed; i++)
        {
            bool end = IsEnd(i);
            if (!(end && bytes[i % Capacity] == 0))
                length++;
            if (end)
                break;
        }

        return length;
    }

    /// <summary>Is it the special character of this place? 0 is _POSIX_VDISABLE.</summary>
    /// <summary>The signal that a character stands for (termios(3), ISIG).</summary>
    private readonly Signal SignalOf(byte value)
    {
        if (Is(value, Termios.Interrupt))
            return Signal.Interrupt;
        if (Is(value, Termios.Quit))
            return Signal.Quit;
        return Is(value, Termios.Suspend) ? Signal.TerminalStop : Signal.None;
    }

    private readonly bool Is(byte value, int place) => value != 0 && Termios.Characters[place] == value;

    private static bool IsControl(byte value) => value < 0x20 || value == 0x7f;

    private static bool IsWord(byte value) =>
        value is >= (byte)'a' and <= (byte)'z' or >= (byte)'A' and <= (byte)'Z' or >= (byte)'0' and <= (byte)'9'
            or (byte)'_' or >= 0x80;

    private readonly bool IsEnd(ulong position) => (ends[position % Capacity / 64] >> (int)(position % 64) & 1) != 0;

    private void MarkEnd(ulong position) => ends[position % Capacity / 64] |= 1UL << (int)(position % 64);

    private void ClearEnd(ulong position) => ends[position % Capacity / 64] &= ~(1UL << (int)(position % 64));
}
