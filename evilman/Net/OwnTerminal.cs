using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Wire;

namespace Evilman.Net;

/// <summary>
/// The terminal of this command while a program elsewhere has it: what is typed goes there as it is, Ctrl-C too. As it was
/// again when this is disposed, and when the process ends by a signal that can be caught.
/// </summary>
internal sealed unsafe class OwnTerminal : IDisposable
{
    const int Input = 0;
    const nuint TCGETS = 0x5401, TCSETSW = 0x5403;

    readonly Settings before;
    readonly PosixSignalRegistration[] signals;
    readonly object gate = new();
    bool isRestored;

    /// <exception cref="Failure">Standard input is no terminal.</exception>
    internal OwnTerminal()
    {
        Settings settings;
        if (Native.ioctl(Input, TCGETS, &settings) != 0)
            throw Failure.Usage("exec -t: standard input is no terminal; without -t it is passed on as it is");
        before = settings;
        signals = Array.ConvertAll((PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGINT, PosixSignal.SIGQUIT],
            signal => PosixSignalRegistration.Create(signal, _ => Restore()));
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Restore();
    }

    /// <summary>struct termios of the kernel (asm-generic/termbits.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    struct Settings
    {
        internal uint Input;
        internal uint Output;
        internal uint Control;
        internal uint Local;
        internal byte Discipline;
        internal fixed byte Characters[19];
    }

    /// <summary>As cfmakeraw(3).</summary>
    internal void MakeRaw()
    {
        const uint IGNBRK = 1, BRKINT = 2, PARMRK = 8, ISTRIP = 0x20, INLCR = 0x40, IGNCR = 0x80, ICRNL = 0x100, IXON = 0x400;
        const uint OPOST = 1, CSIZE = 0x30, PARENB = 0x100, CS8 = 0x30;
        const uint ISIG = 1, ICANON = 2, ECHO = 8, ECHONL = 0x40, IEXTEN = 0x8000;
        const int VTIME = 5, VMIN = 6;
        var raw = before;
        raw.Input &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        raw.Output &= ~OPOST;
        raw.Control = (raw.Control & ~(CSIZE | PARENB)) | CS8;
        raw.Local &= ~(ISIG | ICANON | ECHO | ECHONL | IEXTEN);
        (raw.Characters[VMIN], raw.Characters[VTIME]) = (1, 0);
        lock (gate)
        {
            if (!isRestored)
                Native.ioctl(Input, TCSETSW, &raw);
        }
    }

    /// <summary>Rows and columns, as <see cref="ExecFrameKind.Size"/> has them; 24 and 80 where the terminal does not say.</summary>
    internal byte[] Size()
    {
        var (rows, columns) = Native.TerminalSize(Input) ?? (24, 80);
        var bytes = new byte[ExecFrame.SizeSize];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, rows);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2), columns);
        return bytes;
    }

    internal byte[] Type()
    {
        var type = Encoding.UTF8.GetBytes(Environment.GetEnvironmentVariable("TERM") ?? "");
        return type.Length is 0 or > ExecFrame.MaxTerminalType ? "dumb"u8.ToArray() : type;
    }

    void Restore()
    {
        lock (gate)
        {
            if (isRestored)
                return;
            isRestored = true;
            var settings = before;
            Native.ioctl(Input, TCSETSW, &settings);
        }
    }

    public void Dispose()
    {
        Restore();
        foreach (var signal in signals)
            signal.Dispose();
    }
}
