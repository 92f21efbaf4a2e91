using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Testing;

/// <summary>A pseudo-terminal (pty(7)): what a person at it would type and see. Programs are given the other end by its path.</summary>
public sealed class PseudoTerminal : IDisposable
{
    private const int ReadWrite = 2, NoControl = 0x100, CloseOnExec = 0x80000, NonBlock = 0x800, TerminalSize = 64;
    private const nuint GetAttributes = 0x5401;

    private readonly int master, slave;
    private readonly Thread reader;
    private readonly StringBuilder shown = new();
    private volatile bool stop;

    public PseudoTerminal()
    {
        master = posix_openpt(ReadWrite | NoControl | CloseOnExec | NonBlock);
        if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
            throw new IOException($"no pseudo-terminal: error {Marshal.GetLastPInvokeError()}");
        Path = Marshal.PtrToStringAnsi(ptsname(master))!;
        // Held open, so that the terminal stays what it is when a program has closed it.
        slave = open(Path, ReadWrite | NoControl | CloseOnExec | NonBlock);
        reader = new Thread(Read) { IsBackground = true };
        reader.Start();
    }

    public string Path { get; }

    /// <summary>All that has been written to it, and what it has echoed.</summary>
    public string Shown
    {
        get
        {
            lock (shown)
                return shown.ToString();
        }
    }

    /// <summary>Its modes (struct termios of the kernel).</summary>
    public byte[] Modes
    {
        get
        {
            byte[] modes = new byte[TerminalSize];
            if (ioctl(slave, GetAttributes, modes) != 0)
                throw new IOException($"the terminal has no modes: error {Marshal.GetLastPInvokeError()}");
            return modes;
        }
    }

    public void Type(string text)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        if (write(master, bytes, bytes.Length) != bytes.Length)
            throw new IOException("the terminal does not take what is typed");
    }

    /// <summary>The line that was typed and that nobody has read; empty when there is none.</summary>
    public string TakeLine()
    {
        byte[] line = new byte[4096];
        nint length = read(slave, line, line.Length);
        return length > 0 ? Encoding.ASCII.GetString(line, 0, (int)length) : "";
    }

    private void Read()
    {
        byte[] buffer = new byte[4096];
        while (!stop)
        {
            nint length = read(master, buffer, buffer.Length);
            if (length <= 0)
            {
                Thread.Sleep(10);
                continue;
            }
            lock (shown)
                shown.Append(Encoding.Latin1.GetString(buffer, 0, (int)length));
        }
    }

    public void Dispose()
    {
        stop = true;
        reader.Join();
        _ = close(slave);
        _ = close(master);
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int posix_openpt(int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int grantpt(int descriptor);

    [DllImport("libc", SetLastError = true)]
    private static extern int unlockpt(int descriptor);

    [DllImport("libc")]
    private static extern nint ptsname(int descriptor);

    [DllImport("libc", SetLastError = true)]
    private static extern int open(string path, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int ioctl(int descriptor, nuint request, byte[] argument);

    [DllImport("libc", SetLastError = true)]
    private static extern nint read(int descriptor, byte[] to, nint count);

    [DllImport("libc", SetLastError = true)]
    private static extern nint write(int descriptor, byte[] from, nint count);

    [DllImport("libc")]
    private static extern int close(int descriptor);
}
