using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace Guestos.Tests;

public sealed unsafe class LineDisciplineTests
{
    private static (string Echo, List<string> Lines, List<Signal> Signals) Run(string typed, Action<nint>? change = null)
    {
        LineDiscipline line = default;
        line.Termios = Termios.Standard;
        if (change != null)
        {
            Termios termios = line.Termios;
            change((nint)(&termios));
            line.Change(termios);
        }

        var echo = new StringBuilder();
        var lines = new List<string>();
        var signals = new List<Signal>();
        byte* buffer = stackalloc byte[8192];
        foreach (byte value in Encoding.Latin1.GetBytes(typed))
        {
            TerminalOutput output = default;
            Signal signal = line.Type(value, ref output);
            echo.Append(Encoding.Latin1.GetString(output.Bytes, output.Length));
            if (!signal.IsNone)
                signals.Add(signal);
        }

        while (line.Readable)
            lines.Add(Encoding.Latin1.GetString(buffer, line.Read(buffer, 8192)));
        return (echo.ToString(), lines, signals);
    }

    [Theory]
    [InlineData("abc\r", "abc\r\n", "abc\n")]
    [InlineData("abx\x7f" + "c\r", "abx\b \bc\r\n", "abc\n")]
    [InlineData("\x7f\x7f" + "a\r", "a\r\n", "a\n")]
    [InlineData("one two\x17" + "three\r", "one two\b \b\b \b\b \bthree\r\n", "one three\n")]
    [InlineData("junk\x15ok\r", "junk\b \b\b \b\b \b\b \bok\r\n", "ok\n")]
    [InlineData("a\x16\x03" + "b\r", "a^\b^Cb\r\n", "a\x03" + "b\n")]
    [InlineData("a\x01\x7f" + "b\r", "a^A\b \b\b \bb\r\n", "ab\n")]
    [InlineData("\t\x7f\r", "\t\b\b\b\b\b\b\b\b\r\n", "\n")]
    [InlineData("ab\x04", "ab", "ab")]
    [InlineData("ab\x12" + "c\r", "ab^R\r\nabc\r\n", "abc\n")]
    public void Lines_are_edited(string typed, string echo, string line)
    {
        (string gotEcho, List<string> lines, List<Signal> signals) = Run(typed);
        Assert.Equal(echo, gotEcho);
        Assert.Equal([line], lines);
        Assert.Empty(signals);
    }

    [Fact]
    public void Signals_drop_what_was_typed()
    {
        (string echo, List<string> lines, List<Signal> signals) = Run("abc\x03\x1c\x1aok\r");
        Assert.Equal("abc^C^\\^Zok\r\n", echo);
        Assert.Equal(["ok\n"], lines);
        Assert.Equal([Signal.Interrupt, Signal.Quit, Signal.TerminalStop], signals);
    }

    [Fact]
    public void An_end_of_file_is_an_empty_line_and_nothing_else_is()
    {
        (_, List<string> lines, _) = Run("a\r\x04" + "b\x04\r");
        Assert.Equal(["a\n", "", "b", "\n"], lines);
    }

    [Fact]
    public void A_full_line_can_still_be_ended()
    {
        (_, List<string> lines, _) = Run(new string('x', 5000) + "\r");
        Assert.Equal(new string('x', 4095) + "\n", Assert.Single(lines));
    }

    [Fact]
    public void Raw_input_is_raw_and_a_change_of_mode_keeps_what_waits()
    {
        static void Raw(nint termios) => ((Termios*)termios)->Local = 0;
        (string echo, List<string> lines, List<Signal> signals) = Run("a\x03\r\x04", t =>
        {
            Raw(t);
            ((Termios*)t)->Input = 0;
        });
        Assert.Equal("", echo);
        Assert.Equal(["a\x03\r\x04"], lines);
        Assert.Empty(signals);

        LineDiscipline line = default;
        line.Termios = Termios.Standard;
        TerminalOutput output = default;
        foreach (byte value in "half"u8)
            line.Type(value, ref output);
        Assert.False(line.Readable);
        Termios raw = Termios.Standard;
        raw.Local = 0;
        line.Change(raw);
        byte* buffer = stackalloc byte[16];
        Assert.Equal(4, line.Read(buffer, 16));
    }

    /// <summary>What programs write, as the terminal gets it.</summary>
    [Fact]
    public void Output_is_processed()
    {
        LineDiscipline line = default;
        line.Termios = Termios.Standard;
        line.Termios.Output |= Termios.ExpandTabs;
        TerminalOutput output = default;
        foreach (byte value in "ab\tc\nd"u8)
            line.Write(value, ref output);
        Assert.Equal("ab      c\r\nd", Encoding.Latin1.GetString(output.Bytes, output.Length));
    }

    /// <summary>The host's own N_TTY as second opinion: the same keys typed into a pseudo-terminal give the same echo and the same lines.</summary>
    [Fact]
    public void Agrees_with_the_hosts_terminal()
    {
        int master, slave;
        if (openpty(&master, &slave, null, null, null) != 0)
            return;
        Termios standard = Termios.Standard;
        Assert.Equal(0, ioctl(slave, 0x5402, &standard));
        string keys = "abcdefgh  \x7f\x7f\x7f\x15\x17\x16\r\n\x04\x12\t\x01\x1b_.é";
        var random = new Random(5);
        byte* buffer = stackalloc byte[16384];
        for (int round = 0; round < 300; round++)
        {
            var typed = new StringBuilder();
            for (int i = random.Next(1, 40); i > 0; i--)
                typed.Append(keys[random.Next(keys.Length)]);
            if (typed[^1] == '\x16')
                typed.Append('x');
            // Always a complete line at the end, and the column back at 0.
            typed.Append("\x15\r");
            (string echo, List<string> lines, _) = Run(typed.ToString());
            byte[] bytes = Encoding.Latin1.GetBytes(typed.ToString());
            fixed (byte* from = bytes)
                Assert.Equal(bytes.Length, (int)write(master, from, (nuint)bytes.Length));
            var hostLines = new List<string>();
            for (int i = 0; i < lines.Count; i++)
                hostLines.Add(Encoding.Latin1.GetString(buffer, (int)read(slave, buffer, 16384)));
            var hostEcho = new StringBuilder();
            for (int wait = 0; hostEcho.Length < echo.Length && wait < 200; wait++)
            {
                int waiting = 0;
                ioctl(master, 0x541b, &waiting);
                if (waiting > 0)
                    hostEcho.Append(Encoding.Latin1.GetString(buffer, (int)read(master, buffer, 16384)));
                else
                    System.Threading.Thread.Sleep(1);
            }

            string what = string.Join(' ', bytes.Select(b => b.ToString("x2")));
            Assert.True(lines.SequenceEqual(hostLines), $"{what}: [{string.Join('|', lines)}] host [{string.Join('|', hostLines)}]");
            Assert.True(echo == hostEcho.ToString(), $"{what}: {Show(echo)} host {Show(hostEcho.ToString())}");
        }

        close(master);
        close(slave);
    }

    private static string Show(string text) => string.Join("", text.Select(c => c is < ' ' or > '~' ? $"\\{(int)c:x2}" : $"{c}"));

    [DllImport("libc")] private static extern int openpty(int* master, int* slave, byte* name, void* termios, void* window);
    [DllImport("libc")] private static extern int ioctl(int descriptor, ulong request, void* argument);
    [DllImport("libc")] private static extern nint read(int descriptor, byte* to, nuint count);
    [DllImport("libc")] private static extern nint write(int descriptor, byte* from, nuint count);
    [DllImport("libc")] private static extern int close(int descriptor);
}
