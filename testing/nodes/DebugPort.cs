using System;
using System.Globalization;
using System.IO;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using Packetd;
using Wire;
using Xunit;

namespace Testing.Nodes;

/// <summary>The debugger's port of qemu-user (the GDB manual, appendix "Remote Protocol"), for a program of one thread.</summary>
public sealed class DebugPort : IDisposable
{
    public const int Counter = 32;
    private readonly Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    /// <summary>Waits for the emulator to open its port, which is a socket with this path.</summary>
    public DebugPort(string path)
    {
        for (int tries = 0; ; tries++)
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                Command("qXfer:features:read:target.xml:0,1"); // registers can be written only after this request
                return;
            }
            catch (SocketException) when (tries < 1000)
            {
                Thread.Sleep(10);
            }
    }

    /// <summary>Sends a command and waits for what it is answered with.</summary>
    public string Command(string text)
    {
        Send(text);
        return Receive() ?? throw new IOException("the emulator has ended");
    }

    public void Send(string text)
    {
        int sum = 0;
        foreach (char c in text)
            sum += c;
        socket.Send(Encoding.ASCII.GetBytes($"${text}#{(byte)sum:x2}"));
    }

    /// <summary>The next packet's text, acknowledged; nothing when the emulator is gone.</summary>
    public string? Receive()
    {
        var text = new StringBuilder();
        try
        {
            int c = Next();
            while (c >= 0 && c != '$')
                c = Next();
            for (c = Next(); c >= 0 && c != '#'; c = Next())
                text.Append((char)c);
            Next();
            if (Next() < 0)
                return null;
            socket.Send("+"u8);
            return text.ToString();
        }
        catch (SocketException)
        {
            return null;
        }
    }

    /// <summary>x0 to x30, the stack pointer and the program counter.</summary>
    public ulong[] Registers()
    {
        string all = Command("g");
        var registers = new ulong[33];
        for (int i = 0; i < registers.Length; i++)
            registers[i] = Bytes.Le64(Convert.FromHexString(all.AsSpan(i * 16, 16)), 0);
        return registers;
    }

    public void SetRegister(int register, ulong value)
    {
        byte[] bytes = new byte[8];
        Bytes.PutLe64(bytes, 0, value);
        Assert.Equal("OK", Command($"P{register:x}={Convert.ToHexStringLower(bytes)}"));
    }

    public byte[] Memory(ulong address, int length) => Convert.FromHexString(Command(string.Create(CultureInfo.InvariantCulture, $"m{address:x},{length:x}")));

    /// <summary>Execution stops before the instruction at the address, or no longer.</summary>
    public void Break(ulong address, bool on) => Assert.Equal("OK", Command($"{(on ? 'Z' : 'z')}0,{address:x},4"));

    public void Dispose() => socket.Dispose();

    private int Next()
    {
        Span<byte> one = stackalloc byte[1];
        return socket.Receive(one) == 1 ? one[0] : -1;
    }
}
